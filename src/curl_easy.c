/* Easy handles: pooled, their options set once, and what curl calls back.
 *
 * Invariants: a handle is never reset, so each option that one request sets is
 * set by every request; nothing is removed from a multi handle in here, since
 * all of it runs inside curl.
 */
#include "http_curl.h"

#include <errno.h>

#include "http_chars.h"

enum {
  MAX_IDLE = 512,             /* handles kept for later */
  EXPECT_FROM = 64 * 1024     /* well below where curl begins to ask for 100 Continue */
};


static int end_with(uvllm__exchange_t* x, int err) {
  x->err = err;
  return 0; /* a short count: curl ends the transfer */
}


static size_t on_write(char* data, size_t size, size_t n, void* ctx) {
  uvllm__easy_t* e = ctx;
  uvllm__exchange_t* x = e->x;
  n *= size;
  if (n == 0)
    return 0;
  int err = x->cbs->body(x, data, n);
  if (err != 0)
    return (size_t) end_with(x, err);
  if (x->want_pause && !x->is_paused) {
    x->is_paused = 1;
    curl_easy_pause(e->curl, CURLPAUSE_RECV);
  }
  return n;
}


static int on_field_line(uvllm__exchange_t* x, uvllm_str_t line) {
  const char* colon = memchr(line.base, ':', line.len);
  if (colon == NULL)
    return UVLLM_EPROTO;
  uvllm_str_t name = { line.base, (size_t) (colon - line.base) };
  uvllm_str_t value = { colon + 1, line.len - name.len - 1 };
  value = uvllm__trim_blanks(value);
  int interim = uvllm__head_is_interim(&x->head);
  int err = uvllm__head_field(&x->head, name, value);
  return err != 0 || interim ? err : x->cbs->header(x, name, value);
}


/* With its end, which may be LF alone: curl takes that for a line, too. */
static int on_header_line(uvllm__exchange_t* x, uvllm_str_t line) {
  if (x->in_body)
    return 0; /* trailers mean nothing to us */
  if (x->head.status == 0)
    return uvllm__head_status_line(&x->head, 0, line.base, line.len);
  while (line.len != 0 && (line.base[line.len - 1] == '\n' || line.base[line.len - 1] == '\r'))
    line.len--;
  return line.len != 0 ? on_field_line(x, line) : uvllm__exchange_head_end(x);
}


static size_t on_header(char* data, size_t size, size_t n, void* ctx) {
  uvllm__easy_t* e = ctx;
  uvllm__exchange_t* x = e->x;
  n *= size;
  int err = uvllm__head_bytes(&x->head, n);
  if (err == 0)
    err = uvllm__head_line(&x->head);
  if (err == 0)
    err = on_header_line(x, (uvllm_str_t) { data, n });
  return err != 0 ? (size_t) end_with(x, err) : n;
}


static void forget_name(uvllm__easy_t* e) {
  if (e->name != NULL)
    e->name->users--;
  e->name = NULL;
}


/* On a kept connection that turns out to be dead before anything is written, curl
 * asks a second time. */
static int is_again_without_bytes(uvllm__easy_t* e) {
  long written = 0;
  curl_easy_getinfo(e->curl, CURLINFO_REQUEST_SIZE, &written);
  return e->asked++ > 0 && written == 0;
}


/* The request is about to be written onto a connection that stands. */
static int on_ready_to_send(void* ctx, char* ip, char* local_ip, int port, int local_port) {
  uvllm__easy_t* e = ctx;
  (void) ip, (void) local_ip, (void) port, (void) local_port;
  if (e->name != NULL) {
    e->name->applied[e->shard->index] = e->generation;
    forget_name(e);
  }
  if (!is_again_without_bytes(e))
    e->x->cbs->sent(e->x, e->x->transport->read_ns);
  return CURL_PREREQFUNC_OK;
}


static void set_once(uvllm__easy_t* e, uvllm__curl_t* t) {
  CURL* c = e->curl;
  curl_easy_setopt(c, CURLOPT_PRIVATE, e);
  curl_easy_setopt(c, CURLOPT_SHARE, t->share);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_NOPROGRESS, 1L);
  curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L); /* for what it sends again by itself */
  curl_easy_setopt(c, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https"); /* the origin was checked */
  curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "https");
  curl_easy_setopt(c, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(c, CURLOPT_CAPATH, NULL); /* else every connection parses all roots */
  curl_easy_setopt(c, CURLOPT_PROXY_CAPATH, NULL);
  curl_easy_setopt(c, CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE); /* no key to a proxy */
  curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(c, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(c, CURLOPT_TCP_KEEPINTVL, 15L);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, 600000L); /* the deadlines are ours */
  curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, 25L);
  curl_easy_setopt(c, CURLOPT_MAXLIFETIME_CONN, 600L);
  curl_easy_setopt(c, CURLOPT_DNS_CACHE_TIMEOUT, -1L); /* dns.c says when */
  curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
#if LIBCURL_VERSION_NUM >= 0x075700
  curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
#endif
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, e->lines);
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, e->error);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_write);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, e);
  curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(c, CURLOPT_HEADERDATA, e);
  curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_ready_to_send);
  curl_easy_setopt(c, CURLOPT_PREREQDATA, e);
  curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, uvllm__open_socket);
  curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, e);
  curl_easy_setopt(c, CURLOPT_CLOSESOCKETFUNCTION, uvllm__close_socket);
  curl_easy_setopt(c, CURLOPT_CLOSESOCKETDATA, t); /* connections outlive the handle */
}


uvllm__easy_t* uvllm__easy_get(uvllm__curl_t* t) {
  uvllm__easy_t* e = t->idle;
  if (e != NULL) {
    t->idle = e->next;
    t->nidle--;
    return e;
  }
  e = uvllm__calloc(t->alloc, 1, sizeof(*e));
  if (e == NULL)
    return NULL;
  uvllm__buf_init(&e->url, t->alloc, SIZE_MAX);
  e->curl = curl_easy_init();
  if (e->curl == NULL) {
    uvllm__free(t->alloc, e);
    return NULL;
  }
  e->posted = -1;
  set_once(e, t);
  return e;
}


static void free_easy(uvllm__curl_t* t, uvllm__easy_t* e) {
  curl_easy_cleanup(e->curl);
  curl_url_cleanup(e->parts);
  uvllm__buf_free(&e->url);
  uvllm__free(t->alloc, e);
}


/* From inside curl, where it can be neither ended nor driven. The worse mark stays. */
void uvllm__easy_mark(uvllm__easy_t* e, uvllm__mark mark) {
  uvllm__curl_t* t = (uvllm__curl_t*) e->x->engine;
  if (e->mark == UVLLM__UNMARKED) {
    e->next_marked = t->marked;
    t->marked = e;
  }
  if (e->mark < mark)
    e->mark = mark;
  uvllm__transport_schedule(t->base.transport);
}


void uvllm__easy_unmark(uvllm__curl_t* t, uvllm__easy_t* e) {
  uvllm__easy_t** p = &t->marked;
  if (e->mark == UVLLM__UNMARKED)
    return;
  while (*p != e)
    p = &(*p)->next_marked;
  *p = e->next_marked;
  e->mark = UVLLM__UNMARKED;
}


void uvllm__easy_put(uvllm__curl_t* t, uvllm__easy_t* e) {
  long no = 0;
  uvllm__easy_unmark(t, e);
  e->x = NULL;
  e->shard = NULL;
  forget_name(e);
  uvllm__free(t->alloc, e->resolve_line);
  if (e->resolve_line != NULL)
    curl_easy_setopt(e->curl, CURLOPT_RESOLVE, NULL);
  e->resolve_line = NULL;
  curl_easy_getinfo(e->curl, CURLINFO_OS_ERRNO, &no);
  if (t->base.transport->closing || e->spoilt || t->nidle >= MAX_IDLE || no != 0) { /* 7.88 would never forget the errno */
    free_easy(t, e);
    return;
  }
  e->next = t->idle;
  t->idle = e;
  t->nidle++;
}


void uvllm__easy_free_all(uvllm__curl_t* t) {
  while (t->idle != NULL) {
    uvllm__easy_t* e = t->idle;
    t->idle = e->next;
    free_easy(t, e);
  }
}


/* Given as a string curl would parse the URL again for each request; given as
 * parts it copies them. The string is there for what curl says of it. */
static int parse_url(uvllm__easy_t* e) {
  if (e->parts == NULL && (e->parts = curl_url()) == NULL)
    return UV_ENOMEM;
  CURLUcode code = curl_url_set(e->parts, CURLUPART_URL, e->url.base, CURLU_PATH_AS_IS);
  if (code != CURLUE_OK)
    return code == CURLUE_OUT_OF_MEMORY ? UV_ENOMEM : UV_EINVAL;
  if (curl_easy_setopt(e->curl, CURLOPT_URL, e->url.base) != CURLE_OK ||
      curl_easy_setopt(e->curl, CURLOPT_CURLU, e->parts) != CURLE_OK)
    return UV_ENOMEM;
  return 0;
}


/* Most requests go where the last one went. */
static int set_url(uvllm__easy_t* e, const uvllm__exchange_t* x) {
  size_t base = strlen(x->origin->base_url), path = x->http->path.len;
  if (e->url.len == base + path + 1 && memcmp(e->url.base, x->origin->base_url, base) == 0 &&
      memcmp(e->url.base + base, x->http->path.base, path) == 0)
    return 0;
  uvllm__buf_clear(&e->url);
  uvllm__buf_append(&e->url, x->origin->base_url, base);
  uvllm__buf_append(&e->url, x->http->path.base, path);
  int err = uvllm__buf_append(&e->url, "", 1);
  if (err == 0)
    err = parse_url(e);
  if (err != 0)
    e->url.len = 0;
  return err;
}


static int set_origin(uvllm__easy_t* e, const uvllm__origin_t* o) {
  if (e->origin_id == o->id)
    return 0;
  e->origin_id = 0;
  /* An empty proxy keeps curl from asking the environment. */
  if (curl_easy_setopt(e->curl, CURLOPT_PROXY, o->proxy != NULL ? o->proxy : "") != CURLE_OK ||
      curl_easy_setopt(e->curl, CURLOPT_NOPROXY, "") != CURLE_OK ||
      curl_easy_setopt(e->curl, CURLOPT_UNIX_SOCKET_PATH, o->unix_path) != CURLE_OK)
    return UV_ENOMEM;
  if (o->ca_file != NULL && curl_easy_setopt(e->curl, CURLOPT_CAINFO, o->ca_file) != CURLE_OK)
    return UV_ENOMEM;
  if (o->ca_file == NULL) {
    const char* bundle = curl_version_info(CURLVERSION_NOW)->cainfo;
    if (curl_easy_setopt(e->curl, CURLOPT_CAINFO, bundle) != CURLE_OK)
      return UV_ENOMEM;
  }
  e->origin_id = o->id;
  return 0;
}


static char* header_line(const uvllm_http_t* http, size_t i) {
  char* line = uvllm__http_header_line(http, i);
  if (line[http->headers[i].name_len + 2] == '\0')
    memcpy(line + http->headers[i].name_len, ";", 2); /* how curl is told of an empty value */
  return line;
}


/* The list's nodes are ours, so nothing is allocated a request; curl knows where
 * the first one is. It looks through all of them many times: none stands there for
 * nothing. */
static void set_headers(uvllm__easy_t* e, const uvllm_http_t* http) {
  static char no_accept[] = "Accept:", no_type[] = "Content-Type:"; /* of curl's own */
  static char no_expect[] = "Expect:"; /* else bodies over 1 MB wait for 100 Continue */
  size_t n = 0;
  for (; n < http->nheaders; n++)
    e->lines[n].data = header_line(http, n);
  if (!uvllm__http_has_header(http, "Accept"))
    e->lines[n++].data = no_accept;
  if (e->posted >= 0 && !uvllm__http_has_header(http, "Content-Type"))
    e->lines[n++].data = no_type;
  if (e->posted >= EXPECT_FROM || n == 0)
    e->lines[n++].data = no_expect;
  for (size_t i = 0; i < n; i++)
    e->lines[i].next = i + 1 < n ? &e->lines[i + 1] : NULL;
}


/* A method that curl would not take by itself from there being a body or not. */
static int set_custom_method(uvllm__easy_t* e, const char* method, int has_body) {
  const char* custom = strcmp(method, has_body ? "POST" : "GET") == 0 ? "" : method;
  if (strcmp(custom, e->custom) == 0)
    return 0;
  e->custom[0] = '\0';
  if (curl_easy_setopt(e->curl, CURLOPT_CUSTOMREQUEST, *custom != '\0' ? custom : NULL) != CURLE_OK)
    return UV_ENOMEM;
  strncpy(e->custom, custom, sizeof(e->custom) - 1);
  return 0;
}


static void set_body(uvllm__easy_t* e, uvllm_str_t body) {
  curl_off_t size = (curl_off_t) body.len;
  if (e->posted < 0)
    curl_easy_setopt(e->curl, CURLOPT_POST, 1L);
  if (e->posted != size)
    curl_easy_setopt(e->curl, CURLOPT_POSTFIELDSIZE_LARGE, size);
  curl_easy_setopt(e->curl, CURLOPT_POSTFIELDS, body.base != NULL ? body.base : "");
  e->posted = size;
}


static int set_method(uvllm__easy_t* e, const uvllm_http_t* http) {
  int has_body = uvllm__http_has_length(http);
  if (has_body) {
    set_body(e, uvllm__http_body(http));
  } else {
    e->posted = -1;
    curl_easy_setopt(e->curl, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(e->curl, CURLOPT_HTTPGET, 1L);
    if (strcmp(http->method, "HEAD") == 0)
      curl_easy_setopt(e->curl, CURLOPT_NOBODY, 1L);
  }
  return set_custom_method(e, http->method, has_body);
}


static int set_addresses(uvllm__easy_t* e, uvllm__dns_name_t* name) {
  if (name == NULL || name->applied[e->shard->index] == name->generation)
    return 0;
  const uvllm_alloc_t* a = e->x->transport->host.alloc;
  e->resolve_line = uvllm__strdup(a, name->line);
  if (e->resolve_line == NULL)
    return UV_ENOMEM;
  e->resolve.data = e->resolve_line;
  e->resolve.next = NULL;
  e->name = name;
  name->users++;
  e->generation = name->generation;
  return curl_easy_setopt(e->curl, CURLOPT_RESOLVE, &e->resolve) == CURLE_OK ? 0 : UV_ENOMEM;
}


int uvllm__easy_setup(uvllm__easy_t* e, uvllm__exchange_t* x, uvllm__dns_name_t* name) {
  e->x = x;
  e->socket_errno = 0;
  e->asked = 0;
  e->error[0] = '\0';
  int err = set_url(e, x);
  if (err == 0)
    err = set_origin(e, x->origin);
  if (err == 0)
    err = set_method(e, x->http);
  if (err == 0)
    err = set_addresses(e, name);
  set_headers(e, x->http);
  if (e->fresh != x->fresh)
    curl_easy_setopt(e->curl, CURLOPT_FRESH_CONNECT, (long) x->fresh);
  e->fresh = x->fresh;
  return err;
}


static int os_error(const uvllm__easy_t* e, int otherwise) {
  long no = 0;
  curl_easy_getinfo(e->curl, CURLINFO_OS_ERRNO, &no);
  if (no == 0 || no == EINPROGRESS || no == EAGAIN)
    return otherwise;
  return uv_translate_sys_error((int) no);
}


/* curl has one code for a peer that cannot do TLS and for one that went away in
 * the handshake; OpenSSL has no reason to give for the latter. */
static int is_lost_connection(const char* message) {
  return strstr(message, "SSL_connect: ") != NULL || strstr(message, "unexpected eof") != NULL;
}


/* It has the code of a failed read. */
static int is_bad_chunk(const char* message) {
  return strstr(message, "in chunked-encoding") != NULL;
}


int uvllm__easy_error(const uvllm__easy_t* e, CURLcode code) {
  long connect_code = 0;
  if (e->x->err != 0)
    return e->x->err;
  switch (code) {
    case CURLE_OK: /* also where the connection ends within the head */
      return e->x->in_body ? 0 : UV_ECONNRESET;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return UV_EAI_NONAME;
    case CURLE_COULDNT_CONNECT:
      if (e->socket_errno != 0)
        return uv_translate_sys_error(e->socket_errno);
      return os_error(e, UV_ECONNREFUSED);
    case CURLE_OPERATION_TIMEDOUT:
      return UVLLM_ETIMECONNECT;
    case CURLE_SSL_CONNECT_ERROR:
      return os_error(e, is_lost_connection(e->error) ? UV_ECONNRESET : UVLLM_ETLS);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ENGINE_INITFAILED:
      return UVLLM_ETLS;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      curl_easy_getinfo(e->curl, CURLINFO_HTTP_CONNECTCODE, &connect_code);
      if (connect_code >= 300) /* a proxy's word */
        return UV_ECONNREFUSED;
      if (is_bad_chunk(e->error))
        return UVLLM_EPROTO;
      /* Of nothing at all errno says nothing: it is of a connection before. */
      return code == CURLE_GOT_NOTHING ? UV_ECONNRESET : os_error(e, UV_ECONNRESET);
    case CURLE_PARTIAL_FILE: /* also where a length was told, and the head breaks off */
      return e->x->in_body ? UVLLM_ETRUNCATED : UV_ECONNRESET;
    case CURLE_OUT_OF_MEMORY: /* also what 7.88 says of a header line over 100 KB */
      return e->x->head.bytes > 0 && !e->x->in_body ? UVLLM_ETOOLARGE : UV_ENOMEM;
    case CURLE_FILESIZE_EXCEEDED:
      return UVLLM_ETOOLARGE;
    default:
      return UVLLM_EPROTO;
  }
}


/* Ours for what we have refused, which curl takes for a failure to write; and for
 * what curl takes for an end like any other. */
const char* uvllm__easy_words(const uvllm__easy_t* e) {
  const uvllm__exchange_t* x = e->x;
  if (x->err != 0)
    return x->in_body ? uvllm_strerror(x->err) : uvllm__head_words(x->err);
  return x->in_body || e->error[0] != '\0' ? e->error : "the connection ended before the answer";
}
