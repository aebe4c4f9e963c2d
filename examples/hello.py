#!/usr/bin/env python3
# A Python script, without modules of its own.
import os
import sys
from urllib.parse import parse_qs

query = parse_qs(os.environ.get("QUERY_STRING", ""))
name = query.get("name", ["world"])[0]

sys.stdout.write("Content-Type: text/plain; charset=utf-8\n\n")
sys.stdout.write(f"Hello, {name}, from Python {sys.version.split()[0]}.\n")
