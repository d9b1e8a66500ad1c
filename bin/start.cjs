'use strict';

// A file of its own, because an old Node can't even read it.

module.exports = (entry) => {
  // Node 22 lacks these.
  if (typeof DisposableStack === 'undefined') {
    require('core-js/actual/disposable-stack');
    require('core-js/actual/async-disposable-stack');
  }
  void import(entry);
};
