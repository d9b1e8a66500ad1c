'use strict';

// A file of its own, because an old Node can't even read this line.
void import('../src/index.ts');
