/* What an error means: its status, type, code and words, made into one UVLLM_E*.
 *
 * What the provider says goes before the status, since the same status is used
 * for what may be tried again and for what never succeeds: a 429 is a rate limit,
 * spent money, or a request larger than the limit.
 */
#include "fault.h"
#include "check.h"
#include "mask.h"

#include <stdio.h>

typedef uvllm__words_t words_t;

typedef struct meaning_s {
  const char* word;
  int err;
} meaning_t;


static int lower(int c) {
  return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}


/* `needle` in lower case; what stands behind it, or NULL. */
static const char* find(const char* text, const char* needle) {
  const size_t n = strlen(needle);
  for (; *text != '\0'; text++) {
    size_t i = 0;
    while (i < n && lower((unsigned char) text[i]) == needle[i])
      i++;
    if (i == n)
      return text + n;
  }
  return NULL;
}


/* Codes and types that say it all, whatever the status. */
static int by_code(const words_t* w) {
  static const meaning_t codes[] = {
    { "insufficient_quota", UVLLM_EQUOTA },
    { "credit_balance_exhausted", UVLLM_EQUOTA },
    { "organization_spend_limit_exceeded", UVLLM_EQUOTA },
    { "project_spend_limit_exceeded", UVLLM_EQUOTA },
    { "organization_usage_limit_exceeded", UVLLM_EQUOTA },
    { "billing_hard_limit_reached", UVLLM_EQUOTA },
    { "billing_not_active", UVLLM_EQUOTA },
    { "context_length_exceeded", UVLLM_ECONTEXT },
    { "exceed_context_size_error", UVLLM_ECONTEXT },
    { "content_filter", UVLLM_EFILTER },
    { "content_policy_violation", UVLLM_EFILTER },
    { "image_content_policy_violation", UVLLM_EFILTER },
    { "ResponsibleAIPolicyViolation", UVLLM_EFILTER },
    { "model_not_found", UVLLM_ENOMODEL },
    { "model_not_supported", UVLLM_ENOMODEL },
    { "DeploymentNotFound", UVLLM_ENOMODEL },
    { "invalid_api_key", UVLLM_EAUTH },
    { "authentication_error", UVLLM_EAUTH },
    { "permission_error", UVLLM_EPERMISSION },
    { "unsupported_country_region_territory", UVLLM_EPERMISSION },
    { "slow_down", UVLLM_EOVERLOAD },
    { "server_is_overloaded", UVLLM_EOVERLOAD },
    { "overloaded_error", UVLLM_EOVERLOAD },
    { "unavailable_error", UVLLM_EOVERLOAD },
    { "capacity_exceeded", UVLLM_EOVERLOAD },
    { "UNAVAILABLE", UVLLM_EOVERLOAD },
    { "serviceUnavailableException", UVLLM_EOVERLOAD },
    { "ServiceUnavailableException", UVLLM_EOVERLOAD },
    { "ModelNotReadyException", UVLLM_EOVERLOAD },
    { "billing_error", UVLLM_EQUOTA },
    { "ServiceQuotaExceededException", UVLLM_EQUOTA },
    { "UNAUTHENTICATED", UVLLM_EAUTH },
    { "UnrecognizedClientException", UVLLM_EAUTH },
    { "InvalidSignatureException", UVLLM_EAUTH },
    { "ExpiredTokenException", UVLLM_EAUTH },
    { "PERMISSION_DENIED", UVLLM_EPERMISSION },
    { "AccessDeniedException", UVLLM_EPERMISSION },
    { "ResourceNotFoundException", UVLLM_ENOMODEL },
  };
  for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
    if (strcmp(w->code, codes[i].word) == 0 || strcmp(w->type, codes[i].word) == 0)
      return codes[i].err;
  return 0;
}


/* Phrases of servers whose codes say nothing. */
static int by_message(const words_t* w, int status) {
  static const meaning_t refused[] = {
    { "maximum context length", UVLLM_ECONTEXT },
    { "context length exceeded", UVLLM_ECONTEXT },
    { "exceeds the context", UVLLM_ECONTEXT },
    { "exceed context", UVLLM_ECONTEXT },
    { "exceeds the available context", UVLLM_ECONTEXT },
    { "context window", UVLLM_ECONTEXT },
    { "prompt is too long", UVLLM_ECONTEXT },
    { "input is too long", UVLLM_ECONTEXT },
    { "exceeds the maximum number of tokens", UVLLM_ECONTEXT },
    { "too many tokens", UVLLM_ECONTEXT },
    { "`inputs` must have less than", UVLLM_ECONTEXT },
    { "`inputs` tokens + `max_new_tokens` must be", UVLLM_ECONTEXT },
    { "content management policy", UVLLM_EFILTER },
    { "credit balance is too low", UVLLM_EQUOTA },
    { "reached your specified api usage limits", UVLLM_EQUOTA },
    { "model identifier is invalid", UVLLM_ENOMODEL },
    { "incorrect api key", UVLLM_EAUTH },
    { "invalid api key", UVLLM_EAUTH },
    { "api key not valid", UVLLM_EAUTH },
    { "user location is not supported", UVLLM_EPERMISSION },
    { "invalid api token", UVLLM_EAUTH },
    { "authentication failed", UVLLM_EAUTH },
    { "try pulling it first", UVLLM_ENOMODEL },
    { "manifest: file does not exist", UVLLM_ENOMODEL },
  };
  if (status >= 500 || status == 429 || status == 401)
    return 0;
  for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
    if (find(w->message, refused[i].word) != NULL)
      return refused[i].err;
  return 0;
}


/* The number behind the first `word` that has one ("Limit 30,000"); 0: none. */
static uint64_t number_after(const char* text, const char* word) {
  for (const char* p = text; (p = find(p, word)) != NULL;) {
    uint64_t n = 0;
    while (*p == ' ' || *p == ':')
      p++;
    for (; (*p >= '0' && *p <= '9') || *p == ','; p++)
      if (*p != ',' && n < UINT64_MAX / 100)
        n = n * 10 + (uint64_t) (*p - '0');
    if (n != 0)
      return n;
  }
  return 0;
}


/* "Request too large ... Limit 30000, Requested 40000": waiting does not help. */
static int is_too_large(const words_t* w) {
  const uint64_t limit = number_after(w->message, "limit");
  const uint64_t requested = number_after(w->message, "requested");
  return limit != 0 && requested > limit;
}


/* Money and a month's calls (Cohere's trial keys) do not come back in time. */
static int by_429(const words_t* w) {
  if (find(w->message, "calls / month") != NULL)
    return UVLLM_EQUOTA;
  return is_too_large(w) ? UVLLM_ELIMIT : UVLLM_ERATELIMIT;
}


/* Where nothing is said, or nothing that is known. */
static int by_status(uvllm_op op, int status) {
  switch (status) {
    case 401: return UVLLM_EAUTH;
    case 402: return UVLLM_EQUOTA;
    case 403: return UVLLM_EPERMISSION;
    case 404: case 410:
      return op == UVLLM_RAW || op == UVLLM_MODELS ? UVLLM_EREQUEST : UVLLM_ENOMODEL;
    case 408: case 409: case 424: case 425: return UVLLM_EPROVIDER;
    case 498: case 503: case 529: return UVLLM_EOVERLOAD;
    case 501: return UVLLM_EREQUEST;
    default: break;
  }
  if (status >= 500)
    return UVLLM_EPROVIDER;
  return status >= 400 ? UVLLM_EREQUEST : UVLLM_EPROTO;
}


/* Inside a 200 there may be no status but a type. */
static int by_type(const words_t* w) {
  static const meaning_t types[] = {
    { "server_error", UVLLM_EPROVIDER },     { "invalid_prompt", UVLLM_EREQUEST },
    { "image", UVLLM_EREQUEST }, /* OpenAI's Responses: image_too_large, invalid_image... */
    { "rate_limit", UVLLM_ERATELIMIT },      { "rate limit", UVLLM_ERATELIMIT },
    { "rate_limited", UVLLM_ERATELIMIT },    { "resourceexhausted", UVLLM_ERATELIMIT },
    { "overloaded", UVLLM_EOVERLOAD },       { "invalid_request", UVLLM_EREQUEST },
    { "badrequest", UVLLM_EREQUEST },        { "invalid_argument", UVLLM_EREQUEST },
    { "validationexception", UVLLM_EREQUEST }, { "resource_exhausted", UVLLM_ERATELIMIT },
    { "failed_precondition", UVLLM_EREQUEST }, { "throttling", UVLLM_ERATELIMIT },
    { "toomanyrequests", UVLLM_ERATELIMIT },        { "not_found", UVLLM_ENOMODEL },
    { "notfound", UVLLM_ENOMODEL },         { "validation", UVLLM_EREQUEST },
    { "template", UVLLM_EREQUEST },         { "tool_error", UVLLM_EREQUEST },
  };
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
    if (find(w->code, types[i].word) != NULL || find(w->type, types[i].word) != NULL)
      return types[i].err;
  return find(w->message, "resourceexhausted") != NULL ? UVLLM_ERATELIMIT : UVLLM_EPROVIDER;
}


int uvllm__words_mean(const words_t* w, uvllm_op op, int http_status) {
  const int status = http_status >= 300 ? http_status : w->status;
  int err = by_code(w);
  if (err == 0)
    err = by_message(w, status);
  if (err != 0)
    return err;
  if (status == 429)
    return by_429(w);
  if (status == 503 || find(w->message, "overloaded") == NULL || status < 500)
    return status != 0 ? by_status(op, status) : by_type(w);
  return UVLLM_EOVERLOAD;
}


static void tell(const uvllm__headers_t* h, words_t* w, int never_again, uvllm_emit_t* emit) {
  const char* code = w->code[0] != '\0' ? w->code : w->type;
  const uvllm_str_t none = { NULL, 0 };
  const size_t len = uvllm__mask_secrets(w->message, strlen(w->message));
  const uvllm_str_t message = { w->message, len };
  const int again = h->should_retry == 1 ? 1 : h->should_retry == 2 || never_again ? 0 : -1;
  uvllm_emit_error(emit, code[0] != '\0' ? uvllm__str(code) : none, message, again);
  if (!h->has_wait && w->wait_s > 0 && w->wait_s < 1e6)
    uvllm_emit_retry_after(emit, (uint64_t) (w->wait_s * 1000));
}


static int tell_inside(const uvllm__headers_t* h, words_t* w, int http_status, uvllm_emit_t* emit) {
  const int err = uvllm__words_mean(w, h->op, http_status);
  if (w->message[0] == '\0')
    snprintf(w->message, sizeof(w->message), "the answer is an error without words");
  tell(h, w, 0, emit);
  return err;
}


int uvllm__fault_inside(const uvllm__headers_t* h, uvllm_json_t root, uvllm_emit_t* emit) {
  words_t w;
  uvllm__words_read(&w, root, uvllm_emit_parser(emit));
  return tell_inside(h, &w, 0, emit);
}


int uvllm__fault_named(const uvllm__headers_t* h, uvllm_str_t type, int http_status,
                       uvllm_json_t root, uvllm_emit_t* emit) {
  words_t w;
  uvllm__words_read(&w, root, uvllm_emit_parser(emit));
  if (w.type[0] == '\0' && type.len != 0)
    snprintf(w.type, sizeof(w.type), "%.*s", (int) (type.len < 64 ? type.len : 64), type.base);
  return tell_inside(h, &w, http_status, emit);
}


int uvllm__fault_strange(const uvllm__headers_t* h, uvllm_json_t root, const char* message,
                         uvllm_emit_t* emit) {
  words_t w;
  uvllm__words_read(&w, root, uvllm_emit_parser(emit));
  if (w.message[0] == '\0')
    return uvllm__refuse_with(emit, UVLLM_EPROTO, message);
  tell(h, &w, 0, emit);
  return uvllm__words_mean(&w, h->op, 0);
}


static uvllm_str_t trim(uvllm_str_t s) {
  while (s.len != 0 && (unsigned char) s.base[0] <= ' ') {
    s.base++;
    s.len--;
  }
  while (s.len != 0 && (unsigned char) s.base[s.len - 1] <= ' ')
    s.len--;
  return s;
}


/* A line of plain text is the message; of anything else only its kind is told. */
static void summarize(const uvllm__headers_t* h, int http_status, uvllm_str_t body, words_t* w) {
  size_t printable = 0;
  while (printable < body.len && (unsigned char) body.base[printable] >= ' ')
    printable++;
  if (body.len == 0)
    snprintf(w->message, sizeof(w->message), "HTTP %d with an empty body", http_status);
  else if (printable == body.len && body.len <= 300 && body.base[0] != '<' &&
           body.base[0] != '{' && body.base[0] != '[')
    snprintf(w->message, sizeof(w->message), "HTTP %d: %.*s", http_status, (int) body.len,
             body.base);
  else if (strncmp(h->media_type, "text/", 5) == 0)
    snprintf(w->message, sizeof(w->message), "HTTP %d with a %s body", http_status,
             h->media_type);
  else
    snprintf(w->message, sizeof(w->message), "HTTP %d with a body that is %s", http_status,
             body.base[0] == '<' ? "HTML or XML" : "not JSON");
}


int uvllm__fault_error(const uvllm__headers_t* h, int http_status, uvllm_str_t body,
                       uvllm_emit_t* emit) {
  words_t w = { .status = 0 };
  uvllm_json_t root;
  const uvllm_str_t text = trim(body);
  const int redirect = http_status >= 300 && http_status < 400;
  if (redirect)
    snprintf(w.message, sizeof(w.message), "HTTP %d: redirects are not followed", http_status);
  else if (uvllm_json_parse(uvllm_emit_parser(emit), text, &root, NULL) == 0)
    uvllm__words_read(&w, root, uvllm_emit_parser(emit));
  else
    summarize(h, http_status, text, &w);
  if (w.message[0] == '\0')
    snprintf(w.message, sizeof(w.message), "HTTP %d", http_status);
  const int err = uvllm__words_mean(&w, h->op, http_status);
  tell(h, &w, redirect, emit);
  return err;
}
