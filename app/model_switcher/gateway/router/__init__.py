"""The catalog and its loads as llama-server's router mode tells them, for its web UI and other clients of routers.

https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md, "Using multiple models"
"""
