"""A CSV file of trades that can be gone on with."""

import csv
from pathlib import Path

COLUMNS = ["event", "time", "until", "broker", "symbol", "trade_id", "side", "price", "size", "backfilled", "cursor"]


class TradeFile:
    """Appends trades and gaps, and knows the last cursor of each symbol, also of a run before.

    Prices and sizes are written digit for digit. Read them as text or as `decimal.Decimal`, never as `float`.
    """

    def __init__(self, path: str) -> None:
        self._cursors: dict[tuple[str, str], str] = {}
        is_new = not Path(path).exists()
        if not is_new:
            self._keep_whole_lines(Path(path))
        # newline="" lets the csv module end lines itself. buffering=1 writes each line at once.
        self._file = open(path, "a", newline="", encoding="utf-8", buffering=1)
        self._rows = csv.DictWriter(self._file, COLUMNS, restval="", lineterminator="\n")
        if is_new:
            self._rows.writeheader()

    def __enter__(self) -> "TradeFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def cursors(self) -> list[str]:
        """What `resume` takes: the last cursor of each stream."""
        return list(self._cursors.values())

    def add_trade(self, trade: dict) -> None:
        self._cursors[trade["broker"], trade["symbol"]] = trade["cursor"]
        self._rows.writerow(
            {
                "event": "trade",
                "time": trade["time"],
                "broker": trade["broker"],
                "symbol": trade["symbol"],
                "trade_id": trade["tradeId"],
                "side": trade["side"].lower(),
                "price": trade["price"],
                "size": trade["size"],
                "backfilled": str(trade["backfilled"]).lower(),
                "cursor": trade["cursor"],
            }
        )

    def add_gap(self, broker: str, symbol: str, gap: dict) -> None:
        """Trades that are lost for good. Without such a line, the file would look whole."""
        self._rows.writerow(
            {"event": "gap", "time": gap["from"], "until": gap["to"], "broker": broker, "symbol": symbol}
        )

    def _keep_whole_lines(self, path: Path) -> None:
        """Takes up the cursors of a run before, which may have been killed in the middle of a line."""
        text = path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            path.write_bytes(whole)
        for row in csv.DictReader(whole.decode("utf-8").splitlines()):
            if row["event"] == "trade":
                self._cursors[row["broker"], row["symbol"]] = row["cursor"]
