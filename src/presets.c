/* Built-in presets, a row a provider. A new one is a line here and no code. */
#include "presets.h"
#include "mem.h"

#define PARAMS(list) .params = (list), .nparams = sizeof(list) / sizeof((list)[0])
#define ROW .size = sizeof(uvllm_preset_t), .needs_key = 1, .dialect = "openai"
#define LOCAL .size = sizeof(uvllm_preset_t), .dialect = "openai"

/* Unknown members are a 422 there (extra_forbidden). */
static const uvllm_kv_t kMistral[] = {
  { "name.max_completion_tokens", "max_tokens" },
  { "name.seed", "random_seed" },
  { "tool_ids", "9" },
  { "refuses", "stream_options,user,metadata,store,logit_bias,logprobs,top_logprobs,"
               "service_tier,safety_identifier,prompt_cache_key" },
};
static const uvllm_kv_t kDeepseek[] = { { "replay", "reasoning_content" } };
static const uvllm_kv_t kOpenrouter[] = { { "replay", "reasoning_details" } };
static const uvllm_kv_t kResponses[] = { { "api", "responses" } };
/* The last dated version that is no preview. */
static const uvllm_kv_t kAzure[] = {
  { "auth", "api-key" },
  { "path", "/deployments/{model}" },
  { "query.api-version", "2024-10-21" },
  { "name.max_tokens", "max_completion_tokens" },
};
static const uvllm_kv_t kAzureV1[] = {
  { "auth", "api-key" },
  { "name.max_tokens", "max_completion_tokens" },
};
static const uvllm_kv_t kTogether[] = { { "schema", "direct" } };
/* What Ollama's /v1 would ignore in silence. */
static const uvllm_kv_t kOllama[] = { { "refuses", "n,tool_choice,logit_bias,service_tier,user" } };

/* A path for each model, and its tasks beneath. */
static const uvllm_kv_t kTasks[] = { { "route", "models" } };
static const uvllm_kv_t kTgi[] = { { "schema", "value" } };
/* Models are listed by the control plane, which has a host of its own. */
static const uvllm_kv_t kBedrock[] = {
  { "region", "us-east-1" },
  { "models_url", "https://bedrock.{region}.amazonaws.com" },
};

static const uvllm_preset_t kPresets[] = {
  { ROW, .name = "openai", .base_url = "https://api.openai.com/v1", .key_env = "OPENAI_API_KEY" },
  { ROW, .name = "openai-responses", .base_url = "https://api.openai.com/v1",
    .price_as = "openai", .key_env = "OPENAI_API_KEY", PARAMS(kResponses) },
  { ROW, .name = "azure", .price_as = "azure", .key_env = "AZURE_OPENAI_API_KEY",
    PARAMS(kAzure) }, /* https://RESOURCE.openai.azure.com/openai */
  { ROW, .name = "azure-v1", .price_as = "azure", .key_env = "AZURE_OPENAI_API_KEY",
    PARAMS(kAzureV1) }, /* https://RESOURCE.openai.azure.com/openai/v1 */
  { .size = sizeof(uvllm_preset_t), .needs_key = 1, .dialect = "gemini", .name = "gemini",
    .base_url = "https://generativelanguage.googleapis.com", .model = "gemini-2.5-flash",
    .price_as = "gemini", .key_env = "GEMINI_API_KEY" },
  { .size = sizeof(uvllm_preset_t), .needs_key = 1, .dialect = "anthropic", .name = "anthropic",
    .base_url = "https://api.anthropic.com", .model = "claude-sonnet-5",
    .key_env = "ANTHROPIC_API_KEY" },
  { ROW, .name = "openrouter", .base_url = "https://openrouter.ai/api/v1",
    .price_as = "openrouter", .key_env = "OPENROUTER_API_KEY", PARAMS(kOpenrouter) },
  { ROW, .name = "mistral", .base_url = "https://api.mistral.ai/v1",
    .model = "mistral-small-latest", .price_as = "mistral", .key_env = "MISTRAL_API_KEY",
    PARAMS(kMistral) },
  { ROW, .name = "groq", .base_url = "https://api.groq.com/openai/v1", .price_as = "groq",
    .key_env = "GROQ_API_KEY" },
  { ROW, .name = "deepseek", .base_url = "https://api.deepseek.com", .model = "deepseek-chat",
    .price_as = "deepseek", .key_env = "DEEPSEEK_API_KEY", PARAMS(kDeepseek) },
  { ROW, .name = "xai", .base_url = "https://api.x.ai/v1", .price_as = "xai",
    .key_env = "XAI_API_KEY" },
  { ROW, .name = "together", .base_url = "https://api.together.xyz/v1",
    .price_as = "together_ai", .key_env = "TOGETHER_API_KEY", PARAMS(kTogether) },
  { ROW, .name = "fireworks", .base_url = "https://api.fireworks.ai/inference/v1",
    .price_as = "fireworks_ai", .key_env = "FIREWORKS_API_KEY" },
  { ROW, .name = "perplexity", .base_url = "https://api.perplexity.ai", .model = "sonar",
    .price_as = "perplexity", .key_env = "PERPLEXITY_API_KEY" },
  { ROW, .name = "nvidia", .base_url = "https://integrate.api.nvidia.com/v1",
    .price_as = "nvidia_nim", .key_env = "NVIDIA_API_KEY" },
  { ROW, .name = "huggingface", .base_url = "https://router.huggingface.co/v1",
    .price_as = "huggingface", .key_env = "HF_TOKEN" },
  { .size = sizeof(uvllm_preset_t), .needs_key = 1, .dialect = "cohere", .name = "cohere",
    .base_url = "https://api.cohere.com", .model = "command-a-03-2025", .price_as = "cohere", .key_env = "CO_API_KEY" },
  { .size = sizeof(uvllm_preset_t), .needs_key = 1, .dialect = "tgi", .name = "hf-inference",
    .base_url = "https://router.huggingface.co/hf-inference", .price_as = "huggingface",
    .key_env = "HF_TOKEN", PARAMS(kTasks) },
  { .size = sizeof(uvllm_preset_t), .dialect = "tgi", .name = "tgi",
    .base_url = "http://localhost:8080", .key_env = "HF_TOKEN" },
  { LOCAL, .name = "tgi-v1", .base_url = "http://localhost:8080/v1", .key_env = "HF_TOKEN",
    PARAMS(kTgi) },
  { LOCAL, .name = "vllm", .base_url = "http://localhost:8000/v1", .key_env = "VLLM_API_KEY" },
  { LOCAL, .name = "llamacpp", .base_url = "http://localhost:8080/v1",
    .key_env = "LLAMA_API_KEY" },
  { LOCAL, .name = "lmstudio", .base_url = "http://localhost:1234/v1",
    .key_env = "LM_API_TOKEN" },
  { .size = sizeof(uvllm_preset_t), .dialect = "ollama", .name = "ollama",
    .base_url = "http://localhost:11434", .key_env = "OLLAMA_API_KEY" },
  { LOCAL, .name = "ollama-v1", .base_url = "http://localhost:11434/v1", PARAMS(kOllama),
    .key_env = "OLLAMA_API_KEY" },
  { .size = sizeof(uvllm_preset_t), .needs_key = 1, .name = "bedrock", .dialect = "bedrock",
    .base_url = "https://bedrock-runtime.{region}.amazonaws.com", .price_as = "bedrock",
    .key_env = "AWS_BEARER_TOKEN_BEDROCK", PARAMS(kBedrock) },
  { LOCAL, .name = "local", .key_env = "LOCAL_API_KEY" },
};

enum { NPRESETS = sizeof(kPresets) / sizeof(kPresets[0]) };


void uvllm__preset_init(uvllm_preset_t* p, size_t size) {
  memset(p, 0, size);
  p->size = size;
}


const uvllm_preset_t* uvllm_preset_at(size_t i) {
  return i < NPRESETS ? &kPresets[i] : NULL;
}


const uvllm_preset_t* uvllm__preset_builtin(const char* name) {
  for (size_t i = 0; i < NPRESETS; i++)
    if (strcmp(kPresets[i].name, name) == 0)
      return &kPresets[i];
  return NULL;
}
