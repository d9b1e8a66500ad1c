#!/usr/bin/env node
'use strict';

// Every Node can read this file, however old it is. One that can't run the gateway says which one is needed, in place of a
// syntax error in some file of it.

var needed = /(\d+)\.(\d+)/.exec(require('../package.json').engines.node);
var found = process.versions.node.split('.');
var major = Number(found[0]) - Number(needed[1]);

if (major > 0 || (major === 0 && Number(found[1]) >= Number(needed[2]))) {
  require('./start.cjs');
} else {
  process.stderr.write(
    'tickgraph needs Node ' +
      needed[0] +
      ' or newer, and this is Node ' +
      process.versions.node +
      '. On Linux (x64) npm ci installs one, which npm start uses.\n',
  );
  process.exitCode = 1;
}
