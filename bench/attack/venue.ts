import { StandInBinance } from '../../test/venues/binance/StandInBinance.ts';

// A venue in a process of its own, so that its work does not slow the neighbours down. The parent process ends it.
const venue = await StandInBinance.start({ generatedSymbols: Number(process.argv[2]) });
venue.run({ everyMs: 250 });
console.log(JSON.stringify({ websocketUrl: venue.websocketUrl, restUrl: venue.restUrl }));
