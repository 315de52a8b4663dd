"""Reads an account with the official SDK, as its users do: `read.py URL KEY`.

Prints JSON: for each subscription what its first coupon takes off and its items, or with --count how
many there are and how long it took."""

import json
import sys
import time

import stripe

url, key, *options = sys.argv[1:]
client = stripe.StripeClient(key, base_addresses={"api": url})
began = time.monotonic()
subscriptions = client.v1.subscriptions.list(
    {"limit": 100, "expand": ["data.discounts.source.coupon"]}
).auto_paging_iter()
if options == ["--count"]:
    count = sum(1 for _ in subscriptions)
    print(json.dumps({"subscriptions": count, "seconds": round(time.monotonic() - began, 2)}))
else:
    seen = {}
    for subscription in subscriptions:
        discounts = subscription["discounts"]
        off = discounts[0]["source"]["coupon"]["percent_off"] if discounts else None
        items = [item["id"] for item in subscription["items"]["data"]]
        seen[subscription["id"]] = {"off": off, "items": items}
    print(json.dumps(seen))
