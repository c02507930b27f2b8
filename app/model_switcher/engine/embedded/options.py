"""The options of the embedded engine: one table, with llama-server's own names and defaults."""

from __future__ import annotations

from typing import Any

from model_switcher.engine.embedded.option import (
    choice,
    decimal,
    decimals,
    enum,
    file_text,
    integer,
    integers,
    inverted,
    json_object,
    layers,
    native,
    on_off,
    on_off_auto,
    padded,
    positive,
    sampling,
    switch,
    text,
    to,
    valued,
    words,
)

_CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1")
_MIB = 1024**2


def _ctx_size(params: Any, value: int) -> None:
    params.n_ctx = value
    if value == 0:
        # The model's own context was asked for by name: --fit must not shorten it (-1 is its "never").
        params.fit_params_min_ctx = -1


def _flash_attn(params: Any, value: bool | None) -> None:
    word = {True: "enabled", False: "disabled", None: "auto"}[value]
    enum("flash_attn_type", "LLAMA_FLASH_ATTN_TYPE_")(params, word)


def _load_mode(params: Any, word: str) -> None:
    enum("load_mode", "LLAMA_LOAD_MODE_", **{"mmap+mlock": "MMAP_MLOCK", "dio": "DIRECT_IO"})(params, word)


def _reasoning(params: Any, value: bool | None) -> None:
    params.enable_reasoning = -1 if value is None else int(value)
    if value is not None:
        params.default_template_kwargs = {
            **params.default_template_kwargs,
            "enable_thinking": "true" if value else "false",
        }


def _reranking(params: Any, _value: bool) -> None:
    params.embedding = True
    enum("pooling_type", "LLAMA_POOLING_TYPE_")(params, "rank")


def _lora(params: Any, paths: list[str]) -> None:
    adapters = []
    for path in paths:
        adapter = native().CommonAdapterLoraInfo()
        adapter.path, adapter.scale = path, 1.0
        adapters.append(adapter)
    params.lora_adapters = [*params.lora_adapters, *adapters]


def _fit_target(params: Any, mebibytes: list[int]) -> None:
    room = len(params.fit_params_target)
    params.fit_params_target = [
        value * _MIB for value in (mebibytes * room if len(mebibytes) == 1 else mebibytes)
    ][:room]


def _template_kwargs(params: Any, entries: dict[str, str]) -> None:
    params.default_template_kwargs = {**params.default_template_kwargs, **entries}


MODEL = (
    valued("-m, --model", "FNAME", "model path to load", text, "model.path"),
    valued("-mm, --mmproj", "FILE", "path to a multimodal projector file", text, "mmproj.path"),
    switch("--mmproj-offload, --no-mmproj-offload", "run the projector on the GPU (default: on)", "mmproj_use_gpu"),
    valued("--image-min-tokens", "N", "least tokens of an image (default: the model's)", integer, "image_min_tokens"),
    valued("--image-max-tokens", "N", "most tokens of an image (default: the model's)", integer, "image_max_tokens"),
    valued("--lora", "FNAME", "LoRA adapters, separated by commas", words, _lora),
    switch("--lora-init-without-apply", "load LoRA adapters without applying them", "lora_init_without_apply"),
    valued("-c, --ctx-size", "N", "size of the context (default: 0, the model's own)", integer, _ctx_size),
    valued("-b, --batch-size", "N", "logical batch size (default: 2048)", integer, "n_batch"),
    valued("-ub, --ubatch-size", "N", "physical batch size (default: 512)", integer, "n_ubatch"),
    valued("-np, --parallel", "N", "number of slots (default: -1, which is 4)", integer, "n_parallel"),
    switch("-kvu, --kv-unified, -no-kvu, --no-kv-unified", "one cache for all slots (default: with -np -1)", "kv_unified"),
    valued("-ctk, --cache-type-k", "TYPE", f"cache type of K: {', '.join(_CACHE_TYPES)} (default: f16)",
           choice(*_CACHE_TYPES), enum("cache_type_k", "GGML_TYPE_")),
    valued("-ctv, --cache-type-v", "TYPE", f"cache type of V: {', '.join(_CACHE_TYPES)} (default: f16)",
           choice(*_CACHE_TYPES), enum("cache_type_v", "GGML_TYPE_")),
    valued("-fa, --flash-attn", "[on|off|auto]", "Flash Attention (default: auto)", on_off_auto, _flash_attn),
    switch("--swa-full", "full-size cache for sliding windows (default: off)", "swa_full"),
    valued("-ctxcp, --ctx-checkpoints, --swa-checkpoints", "N", "context checkpoints of a slot (default: 32)",
           integer, "n_ctx_checkpoints"),
    valued("-ngl, --gpu-layers, --n-gpu-layers", "N", "layers on the GPU: a number, auto or all (default: auto)",
           layers, "n_gpu_layers"),
    valued("-sm, --split-mode", "{none,layer,row,tensor}", "how several GPUs share (default: layer)",
           choice("none", "layer", "row", "tensor"), enum("split_mode", "LLAMA_SPLIT_MODE_")),
    valued("-ts, --tensor-split", "N0,N1,...", "share of each GPU", decimals, padded("tensor_split")),
    valued("-mg, --main-gpu", "INDEX", "the GPU for what is not split (default: 0)", integer, "main_gpu"),
    valued("-fit, --fit", "[on|off]", "lower unset options until the model fits (default: on)", on_off, "fit_params"),
    valued("-fitt, --fit-target", "MiB0,MiB1,...", "what --fit leaves free (default: 1024)", integers, _fit_target),
    valued("-fitc, --fit-ctx", "N", "smallest context that --fit may choose (default: 4096)", integer,
           "fit_params_min_ctx"),
    switch("-kvo, --kv-offload, -nkvo, --no-kv-offload", "cache on the GPU (default: on)", inverted("no_kv_offload")),
    switch("--op-offload, --no-op-offload", "host operations on the GPU (default: on)", inverted("no_op_offload")),
    switch("--repack, -nr, --no-repack", "reorder weights for the processor (default: on)", inverted("no_extra_bufts")),
    valued("-ot, --override-tensor", "PATTERN=TYPE,...", "buffer type of the tensors named", text,
           "tensor_buft_overrides"),
    switch("--check-tensors", "look for invalid weights (default: off)", "check_tensors"),
    valued("-lm, --load-mode", "MODE", "auto, none, mmap, mlock, mmap+mlock or dio (default: auto)",
           choice("auto", "none", "mmap", "mlock", "mmap+mlock", "dio"), _load_mode),
    switch("--mlock", "older form of --load-mode mlock", lambda params, _: _load_mode(params, "mlock")),
    switch("--mmap, --no-mmap", "older form of --load-mode mmap or none",
           lambda params, on: _load_mode(params, "mmap" if on else "none")),
    valued("--rope-scaling", "{none,linear,yarn}", "RoPE scaling (default: the model's)",
           choice("none", "linear", "yarn"), enum("rope_scaling_type", "LLAMA_ROPE_SCALING_TYPE_")),
    valued("--rope-scale", "N", "expands the context by a factor of N", positive,
           lambda params, factor: to("rope_freq_scale")(params, 1.0 / factor)),
    valued("--rope-freq-base", "N", "RoPE base frequency (default: the model's)", decimal, "rope_freq_base"),
    valued("--rope-freq-scale", "N", "expands the context by a factor of 1/N", decimal, "rope_freq_scale"),
    valued("--yarn-orig-ctx", "N", "YaRN: original context (default: 0, the model's)", integer, "yarn_orig_ctx"),
    valued("--yarn-ext-factor", "N", "YaRN: extrapolation mix (default: -1)", decimal, "yarn_ext_factor"),
    valued("--yarn-attn-factor", "N", "YaRN: attention magnitude (default: -1)", decimal, "yarn_attn_factor"),
    valued("--yarn-beta-slow", "N", "YaRN: high correction dimension (default: -1)", decimal, "yarn_beta_slow"),
    valued("--yarn-beta-fast", "N", "YaRN: low correction dimension (default: -1)", decimal, "yarn_beta_fast"),
    switch("--warmup, --no-warmup", "an empty run after loading (default: on)", "warmup"),
)  # fmt: skip

COMPUTE = (
    valued("-t, --threads", "N", "threads of generation (default: -1, all)", integer, "cpuparams.n_threads"),
    valued("-tb, --threads-batch", "N", "threads of prompts (default: as --threads)", integer,
           "cpuparams_batch.n_threads"),
    valued("--poll", "<0...100>", "polling while waiting for work (default: 50)", integer, "cpuparams.poll"),
    switch("-cb, --cont-batching, -nocb, --no-cont-batching", "continuous batching (default: on)", "cont_batching"),
    switch("--perf, --no-perf", "internal timings (default: off)", inverted("no_perf")),
)  # fmt: skip

SAMPLING = (
    valued("-n, --predict, --n-predict", "N", "tokens of an answer (default: -1, no limit)", integer, "n_predict"),
    valued("--keep", "N", "tokens kept of the prompt (default: 0)", integer, "n_keep"),
    valued("-s, --seed", "SEED", "seed (default: -1, random)", integer,
           lambda params, seed: to("sampling.seed")(params, seed & 0xFFFFFFFF)),
    valued("--samplers", "SAMPLERS", "samplers in order, separated by ';'", text, sampling("samplers", 1)),
    switch("--ignore-eos", "go on after the end of the text", "sampling.ignore_eos"),
    valued("--temp, --temperature", "N", "temperature (default: 0.80)", decimal, sampling("temp", 64)),
    valued("--top-k", "N", "top-k (default: 40)", integer, sampling("top_k", 2)),
    valued("--top-p", "N", "top-p (default: 0.95)", decimal, sampling("top_p", 4)),
    valued("--min-p", "N", "min-p (default: 0.05)", decimal, sampling("min_p", 8)),
    valued("--xtc-probability", "N", "xtc probability (default: 0)", decimal, sampling("xtc_probability", 16)),
    valued("--xtc-threshold", "N", "xtc threshold (default: 0.10)", decimal, sampling("xtc_threshold", 32)),
    valued("--typical, --typical-p", "N", "locally typical sampling (default: 1.0)", decimal, sampling("typ_p")),
    valued("--repeat-last-n", "N", "tokens to consider (default: 64)", integer, sampling("penalty_last_n", 128)),
    valued("--repeat-penalty", "N", "penalty of repeats (default: 1.0)", decimal, sampling("penalty_repeat", 256)),
    valued("--presence-penalty", "N", "penalty of presence (default: 0)", decimal, sampling("penalty_present")),
    valued("--frequency-penalty", "N", "penalty of frequency (default: 0)", decimal, sampling("penalty_freq")),
    valued("--dry-multiplier", "N", "DRY multiplier (default: 0)", decimal, sampling("dry_multiplier")),
    valued("--dry-base", "N", "DRY base (default: 1.75)", decimal, sampling("dry_base")),
    valued("--dry-allowed-length", "N", "DRY allowed length (default: 2)", integer, sampling("dry_allowed_length")),
    valued("--dry-penalty-last-n", "N", "DRY tokens (default: 64)", integer, sampling("dry_penalty_last_n")),
    valued("--dynatemp-range", "N", "dynamic temperature range (default: 0)", decimal, sampling("dynatemp_range")),
    valued("--dynatemp-exp", "N", "dynamic temperature exponent (default: 1)", decimal, sampling("dynatemp_exponent")),
    valued("--mirostat", "N", "Mirostat: 0, 1 or 2 (default: 0)", integer, sampling("mirostat", 512)),
    valued("--mirostat-lr", "N", "Mirostat learning rate (default: 0.10)", decimal, sampling("mirostat_eta", 2048)),
    valued("--mirostat-ent", "N", "Mirostat entropy (default: 5.0)", decimal, sampling("mirostat_tau", 1024)),
)  # fmt: skip

CHAT = (
    switch("--jinja, --no-jinja", "jinja templates (default: on)", "use_jinja"),
    valued("--chat-template", "JINJA_TEMPLATE", "chat template (default: the model's)", text, "chat_template"),
    valued("--chat-template-file", "FILE", "file of a chat template (default: the model's)", file_text,
           "chat_template"),
    valued("--chat-template-kwargs", "JSON", "arguments for the template", json_object, _template_kwargs),
    valued("--reasoning-format", "FORMAT", "none, auto, deepseek or deepseek-legacy (default: deepseek)",
           choice("none", "auto", "deepseek", "deepseek-legacy"),
           enum("reasoning_format", "COMMON_REASONING_FORMAT_", **{"deepseek-legacy": "DEEPSEEK_LEGACY"})),
    valued("-rea, --reasoning", "[on|off|auto]", "reasoning in chats (default: auto)", on_off_auto, _reasoning),
    valued("--reasoning-budget", "N", "tokens of reasoning (default: -1, no limit)", integer,
           "sampling.reasoning_budget_tokens"),
    valued("--reasoning-budget-message", "TEXT", "said when the budget is used up", text,
           "sampling.reasoning_budget_message"),
    switch("--prefill-assistant, --no-prefill-assistant", "go on with a last message of the assistant (default: on)",
           "prefill_assistant"),
)  # fmt: skip

SERVER = (
    valued("-a, --alias", "STRING", "names of the model, separated by commas", words,
           lambda params, names: to("model_alias")(params, set(names))),
    valued("--tags", "STRING", "tags of the model, separated by commas", words,
           lambda params, names: to("model_tags")(params, set(names))),
    valued("--host", "HOST", "addresses to listen on, separated by commas (default: 127.0.0.1)", words, "hostnames"),
    valued("--port", "PORT", "port to listen on, 0 for any (default: 8080)", integer, "port"),
    valued("--api-key", "KEY", "keys, separated by commas (also: LLAMA_API_KEY)", words, "api_keys"),
    valued("--api-prefix", "PREFIX", "prefix of every path", text, "api_prefix"),
    valued("--path", "PATH", "folder of static files", text, "public_path"),
    switch("--ui, --webui, --no-ui, --no-webui", "the web interface (default: on)", "ui"),
    switch("--embedding, --embeddings", "serve embeddings only", "embedding"),
    switch("--rerank, --reranking", "serve reranking", _reranking),
    valued("--pooling", "{none,mean,cls,last,rank}", "pooling of embeddings (default: the model's)",
           choice("none", "mean", "cls", "last", "rank"), enum("pooling_type", "LLAMA_POOLING_TYPE_")),
    valued("--embd-normalize", "N", "normalisation of embeddings (default: 2)", integer, "embd_normalize"),
    switch("--metrics", "serve /metrics (default: off)", "endpoint_metrics"),
    switch("--props", "allow changes through /props (default: off)", "endpoint_props"),
    switch("--slots, --no-slots", "serve /slots (default: on)", "endpoint_slots"),
    valued("--slot-save-path", "PATH", "folder for saved slots", text, "slot_save_path"),
    valued("-sps, --slot-prompt-similarity", "N", "likeness that reuses a slot (default: 0.10)", decimal,
           "slot_prompt_similarity"),
    valued("-cram, --cache-ram", "N", "prompt cache in MiB, -1 no limit, 0 none (default: 8192)", integer,
           "cache_ram_mib"),
    switch("--cache-prompt, --no-cache-prompt", "reuse what prompts share (default: on)", "cache_prompt"),
    switch("--cache-idle-slots, --no-cache-idle-slots", "save idle slots to the prompt cache (default: on)",
           "cache_idle_slots"),
    valued("--cache-reuse", "N", "smallest chunk reused by shifting (default: 0)", integer, "n_cache_reuse"),
    switch("--context-shift, --no-context-shift", "shift a full context (default: off)", "ctx_shift"),
    switch("-sp, --special", "show special tokens", "special"),
    valued("-to, --timeout", "N", "read and write timeout in seconds (default: 3600)", integer,
           to("timeout_read", "timeout_write")),
    valued("--threads-http", "N", "threads of the HTTP server (default: -1)", integer, "n_threads_http"),
    valued("--sse-ping-interval", "N", "seconds between pings of a stream (default: 30)", integer,
           "sse_ping_interval"),
    valued("--sleep-idle-seconds", "SECONDS", "sleep after so much idleness (default: -1, never)", integer,
           "sleep_idle_seconds"),
    switch("-v, --verbose, --log-verbose", "log everything",
           lambda params, _: to("verbosity")(params, 2**31 - 1)),
    valued("-lv, --verbosity, --log-verbosity", "N", "1 errors, 2 warnings, 3 information, 4 trace, 5 debug (default: 3)",
           integer, "verbosity"),
)  # fmt: skip

SECTIONS = {
    "model params": MODEL,
    "compute params": COMPUTE,
    "sampling params": SAMPLING,
    "chat params": CHAT,
    "server params": SERVER,
}


def use_server_defaults(params: Any) -> None:
    """llama-server's defaults where those of `CommonParams` differ.

    -1 slots means four that share one cache, as in llama-server (llama.cpp, tools/server/server.cpp).
    """
    params.n_parallel = -1
    params.hostnames = ["127.0.0.1"]
    params.port = 8080
