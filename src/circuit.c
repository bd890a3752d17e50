/* Whether a model answers with a key: a breaker for each of them that was asked for.
 * Rate limits and the caller's own mistakes are answers.
 */
#include "internal.h"

enum { MAX_CIRCUITS = 64 }; /* of a key; the rest share the last one */


static uvllm__circuit_t* find(const uvllm__credential_t* cred, const char* model) {
  uvllm__circuit_t* circuit = cred->circuits;
  while (circuit != NULL && strcmp(circuit->model, model) != 0)
    circuit = circuit->next;
  return circuit;
}


static uvllm__circuit_t* make(uvllm_client_t* c, uvllm__credential_t* cred, const char* model) {
  const size_t size = strlen(model) + 1;
  if (cred->ncircuits >= MAX_CIRCUITS)
    return cred->circuits;
  uvllm__circuit_t* circuit = uvllm__calloc(&c->alloc, 1, sizeof(*circuit) + size);
  if (circuit == NULL)
    return NULL; /* then nothing is known of it */
  memcpy(circuit->model, model, size);
  circuit->next = cred->circuits;
  cred->circuits = circuit;
  cred->ncircuits++;
  return circuit;
}


void uvllm__circuits_free(uvllm_client_t* c, uvllm__credential_t* cred) {
  while (cred->circuits != NULL) {
    uvllm__circuit_t* circuit = cred->circuits;
    cred->circuits = circuit->next;
    uvllm__free(&c->alloc, circuit);
  }
  cred->ncircuits = 0;
}


uint64_t uvllm__circuit_when(const uvllm__credential_t* cred, const char* model, uint64_t now) {
  const uvllm__circuit_t* circuit = find(cred, model);
  return circuit != NULL ? uvllm__breaker_when(&circuit->breaker, now) : 0;
}


void uvllm__circuit_begin(uvllm_req_t* req) {
  req->circuit = find(req->credential, uvllm__req_model(req));
  if (req->circuit == NULL)
    req->circuit = make(req->client, req->credential, uvllm__req_model(req));
  if (req->circuit != NULL)
    req->ticket = uvllm__breaker_begin(&req->circuit->breaker);
}


static uvllm__outcome outcome_of(const uvllm_req_t* req, int status) {
  switch (status) {
    case UVLLM_EPROVIDER:
    case UVLLM_EOVERLOAD:
    case UVLLM_EPROTO:
    case UVLLM_ETRUNCATED:
    case UVLLM_ETIMECONNECT:
    case UVLLM_ETIMEFIRST:
    case UVLLM_ETIMEIDLE:
    case UVLLM_ETLS:
    case UV_ECONNREFUSED:
    case UV_ECONNRESET:
    case UV_ECONNABORTED:
    case UV_EPIPE:
    case UV_ETIMEDOUT:
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_EAI_AGAIN:
    case UV_EAI_NONAME:
    case UV_EOF: return UVLLM__OUTCOME_FAULT;
    default:
      return req->http_status != 0 ? UVLLM__OUTCOME_ALIVE : UVLLM__OUTCOME_UNKNOWN;
  }
}


void uvllm__circuit_end(uvllm_req_t* req, int status, uint64_t now) {
  uvllm_client_t* c = req->client;
  uvllm__circuit_t* circuit = req->circuit;
  if (circuit == NULL)
    return;
  req->circuit = NULL;
  const double jitter = (double) (uvllm__random(c) >> 11) / (double) (UINT64_C(1) << 53);
  const int change = uvllm__breaker_end(&circuit->breaker, now, req->ticket,
                                        outcome_of(req, status), jitter);
  if (change > 0)
    uvllm__log(c, UVLLM_LOG_WARN, "provider %s, model %s: fails (%s), and is left alone for %llu ms",
               req->provider->name, circuit->model, uvllm_err_name(status),
               (unsigned long long) ((circuit->breaker.until_ns - now) / UVLLM__MS));
  else if (change < 0)
    uvllm__log(c, UVLLM_LOG_INFO, "provider %s, model %s: answers again", req->provider->name,
               circuit->model);
}
