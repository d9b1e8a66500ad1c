#!/usr/bin/env node
'use strict';

// Every Node can read this file, however old it is. One that can't run the gateway says which one is needed, in place of a
// syntax error in some file of it.

var fs = require('fs');
var path = require('path');

// In the repository the sources are run as they are; the package has compiled ones, which older versions of Node can read.
var isSource = fs.existsSync(path.join(__dirname, '../src/index.ts'));
var needed = /(\d+)\.(\d+)/.exec(isSource ? '24.15' : require('../package.json').engines.node);
var found = process.versions.node.split('.');
var major = Number(found[0]) - Number(needed[1]);

if (major > 0 || (major === 0 && Number(found[1]) >= Number(needed[2]))) {
  require('./start.cjs')(isSource ? '../src/index.ts' : '../dist/src/index.js');
} else {
  process.stderr.write(
    'tickgraph needs Node ' +
      needed[0] +
      ' or newer, and this is Node ' +
      process.versions.node +
      (isSource ? '. On Linux (x64) npm ci installs one, which npm start uses.\n' : '.\n'),
  );
  process.exitCode = 1;
}
