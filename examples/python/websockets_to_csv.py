"""Every trade of some symbols to a CSV file, over the raw protocol and the library websockets.

python3 websockets_to_csv.py trades.csv BTCUSDT ETHUSDT [--url ws://127.0.0.1:4000/ws] [--broker mock-binance]
"""

import argparse
import asyncio
import json
import sys

from websockets import connect
from websockets.exceptions import ConnectionClosed

from trade_file import TradeFile

# The gateway closes with these codes what would be refused again. After all others it is right to come back.
FINAL_CODES = {1002, 1003, 1007, 1008, 1009}


async def write_trades(url: str, broker: str, symbols: list[str], trades: TradeFile) -> None:
    # The iterator connects again each time, and waits for longer while that fails.
    async for socket in connect(url):
        try:
            subscribe = {"action": "subscribe", "broker": broker, "symbols": symbols, "types": ["trade"]}
            await socket.send(json.dumps({**subscribe, "resume": trades.cursors}))
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "error":
                    await wait_or_end(message)
                    break
                take(message, trades)
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code in FINAL_CODES:
                sys.exit(f"the gateway closed the connection: {closed.rcvd.reason}")
        say("connecting again")


async def wait_or_end(error: dict) -> None:
    if not error["retryable"]:
        sys.exit(error["message"])
    say(error["message"])
    await asyncio.sleep(error.get("retryAfterMs", 1000) / 1000)


def take(message: dict, trades: TradeFile) -> None:
    if message["type"] == "data":
        trades.add_trade(message["data"])
    elif message["status"] == "gap":
        trades.add_gap(message["broker"], message["symbol"], message["gap"])
        say(f"{message['symbol']} gap: {message['message']}")
    elif message["status"] == "replay":
        if not message["replay"]["complete"]:
            say(f"{message['symbol']}: not everything since the last run could be had")
    else:
        say(f"{message.get('symbol', 'the gateway')} is {message['status']}: {message['message']}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes every trade to a CSV file, until it is interrupted.")
    parser.add_argument("file", help="is gone on with if there is one")
    parser.add_argument("symbols", nargs="+")
    parser.add_argument("--url", default="ws://127.0.0.1:4000/ws")
    parser.add_argument("--broker", default="mock-binance")
    given = parser.parse_args()
    with TradeFile(given.file) as trades:
        try:
            asyncio.run(write_trades(given.url, given.broker, given.symbols, trades))
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
