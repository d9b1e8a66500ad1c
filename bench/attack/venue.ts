import { StandInBinance } from '../../test/venues/binance/StandInBinance.ts';

// A venue in a process of its own, so that its work is not in what the neighbours feel. Ended by who started it.
const venue = await StandInBinance.start({ generatedSymbols: Number(process.argv[2]) });
venue.run({ everyMs: 250 });
console.log(JSON.stringify({ websocketUrl: venue.websocketUrl, restUrl: venue.restUrl }));
