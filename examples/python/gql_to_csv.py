"""Every trade of some symbols to a CSV file, over GraphQL and the library gql.

python3 gql_to_csv.py trades.csv BTCUSDT ETHUSDT [--url ws://127.0.0.1:4000/graphql] [--broker mock-binance]
"""

import argparse
import asyncio
import random
import sys

from gql import Client, GraphQLRequest
from gql.transport.exceptions import (
    TransportClosed,
    TransportConnectionFailed,
    TransportProtocolError,
    TransportQueryError,
)
from gql.transport.websockets import WebsocketsTransport

from trade_file import TradeFile

TRADES = """
subscription Trades($broker: ID!, $symbols: [String!]!, $resume: [String!]) {
  marketData(broker: $broker, symbols: $symbols, types: [TRADE, STATUS], resume: $resume) {
    __typename broker symbol time cursor
    ... on Trade { tradeId price size side backfilled }
    ... on FeedStatus { state reason gap { type from to } replay { complete } }
  }
}
"""
LOST = (OSError, TransportClosed, TransportConnectionFailed, TransportProtocolError)


async def write_trades(url: str, broker: str, symbols: list[str], trades: TradeFile) -> None:
    failures = 0
    while True:
        # The gateway pings every 12 seconds, so that a connection without a sign of life for 40 is dead.
        transport = WebsocketsTransport(url=url, subprotocols=["graphql-transport-ws"], keep_alive_timeout=40)
        # The cursors are in a variable: clients that send the same document share the gateway's work.
        variables = {"broker": broker, "symbols": symbols, "resume": trades.cursors}
        try:
            async with Client(transport=transport) as session:
                say("connected")
                async for result in session.subscribe(GraphQLRequest(TRADES, variable_values=variables)):
                    failures = 0
                    take(result["marketData"], trades)
        except LOST as problem:
            say(f"the connection is lost: {problem}")
        except TransportQueryError as refused:
            if not all(error.get("extensions", {}).get("retryable") for error in refused.errors or []):
                sys.exit(str(refused))
            say(str(refused))
        # It waits for longer each time, and not as long as others do, so that not all come back at the same moment.
        await asyncio.sleep(min(30, 0.5 * 2**failures) * random.uniform(0.1, 1))
        failures = min(failures + 1, 10)


def take(event: dict, trades: TradeFile) -> None:
    if event["__typename"] == "Trade":
        trades.add_trade(event)
        return
    if event["gap"] is not None:
        if event["gap"]["type"] == "TRADE":
            trades.add_gap(event["broker"], event["symbol"], event["gap"])
        say(f"{event['symbol']} gap from {event['gap']['from']} to {event['gap']['to']}")
    elif event["replay"] is not None and not event["replay"]["complete"]:
        say(f"{event['symbol']}: not everything since the last run could be had")
    say(f"{event['symbol']} is {event['state']}" + (f": {event['reason']}" if event["reason"] else ""))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes every trade to a CSV file, until it is interrupted.")
    parser.add_argument("file", help="is gone on with if there is one")
    parser.add_argument("symbols", nargs="+")
    parser.add_argument("--url", default="ws://127.0.0.1:4000/graphql")
    parser.add_argument("--broker", default="mock-binance")
    given = parser.parse_args()
    with TradeFile(given.file) as trades:
        try:
            asyncio.run(write_trades(given.url, given.broker, given.symbols, trades))
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
