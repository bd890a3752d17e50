/* A small table of names. An answer serves for a minute; after that the old one
 * still serves while a new one is asked for, unless an address of it failed:
 * then requests wait for the new one. getaddrinfo(3) tells no time to live.
 */
#include "dns.h"

#define TTL_NS (60 * UINT64_C(1000000000))
enum { MAX_NAMES = 256 };

struct uvllm__dns_s {
  uv_loop_t* loop;
  const uvllm_alloc_t* alloc;
  void (*answered)(void* ctx);
  void* ctx;
  uvllm__dns_name_t* names;
  unsigned int nnames, nasking;
  int to_tell; /* some who wait have their answer */
  void (*closed)(void* ctx); /* set: closing */
  void* closed_ctx;
};


int uvllm__dns_new(uvllm__dns_t** out, uv_loop_t* loop, const uvllm_alloc_t* alloc,
                   void (*answered)(void* ctx), void* ctx) {
  uvllm__dns_t* dns = uvllm__calloc(alloc, 1, sizeof(*dns));
  if (dns == NULL)
    return UV_ENOMEM;
  dns->loop = loop;
  dns->alloc = alloc;
  dns->answered = answered;
  dns->ctx = ctx;
  *out = dns;
  return 0;
}


static void free_name(uvllm__dns_t* dns, uvllm__dns_name_t* name) {
  uvllm__free(dns->alloc, name->host);
  uvllm__free(dns->alloc, name->line);
  uvllm__free(dns->alloc, name);
}


static void finish_close(uvllm__dns_t* dns) {
  void (*closed)(void*) = dns->closed;
  void* ctx = dns->closed_ctx;
  while (dns->names != NULL) {
    uvllm__dns_name_t* name = dns->names;
    dns->names = name->next;
    free_name(dns, name);
  }
  uvllm__free(dns->alloc, dns);
  closed(ctx);
}


void uvllm__dns_close(uvllm__dns_t* dns, void (*closed)(void* ctx), void* ctx) {
  dns->closed = closed;
  dns->closed_ctx = ctx;
  for (uvllm__dns_name_t* n = dns->names; n != NULL; n = n->next)
    if (n->asking)
      uv_cancel((uv_req_t*) &n->req); /* fails for those already under way: they are awaited */
  if (dns->nasking == 0)
    finish_close(dns);
}


static void take_addresses(uvllm__addresses_t* a, const struct addrinfo* list,
                           unsigned int port) {
  memset(a, 0, sizeof(*a));
  for (const struct addrinfo* ai = list; ai != NULL && a->n < UVLLM__MAX_ADDRESSES;
       ai = ai->ai_next) {
    uvllm__address_t* to = &a->list[a->n];
    if ((ai->ai_family != AF_INET6 && ai->ai_family != AF_INET) || ai->ai_addrlen > sizeof(*to))
      continue;
    memcpy(to, ai->ai_addr, ai->ai_addrlen);
    if (ai->ai_family == AF_INET6)
      to->v6.sin6_port = htons((uint16_t) port);
    else
      to->v4.sin_port = htons((uint16_t) port);
    a->n++;
  }
}


static void append_address(uvllm__buf_t* b, const uvllm__address_t* a) {
  char text[64];
  int v6 = a->any.sa_family == AF_INET6;
  int err = v6 ? uv_ip6_name(&a->v6, text, sizeof(text)) : uv_ip4_name(&a->v4, text, sizeof(text));
  if (err != 0)
    return;
  uvllm__buf_str(b, v6 ? "[" : "");
  uvllm__buf_str(b, text);
  uvllm__buf_str(b, v6 ? "]" : "");
}


/* "host:port:a,b", or NULL. IPv6 addresses stand in brackets. */
static char* make_line(const uvllm__dns_name_t* name, const uvllm__addresses_t* a) {
  uvllm__buf_t b;
  uvllm__buf_init(&b, name->dns->alloc, SIZE_MAX);
  uvllm__buf_str(&b, name->host);
  uvllm__buf_char(&b, ':');
  uvllm__buf_uint(&b, name->port);
  for (unsigned int i = 0; i < a->n; i++) {
    uvllm__buf_char(&b, i == 0 ? ':' : ',');
    append_address(&b, &a->list[i]);
  }
  if (uvllm__buf_append(&b, "", 1) == 0)
    return b.base;
  uvllm__buf_free(&b);
  return NULL;
}


/* 0, or what became of the question. */
static int take_answer(uvllm__dns_name_t* name, const struct addrinfo* list) {
  uvllm__addresses_t found;
  take_addresses(&found, list, name->port);
  if (found.n == 0)
    return UV_EAI_NONAME;
  char* line = make_line(name, &found);
  if (line == NULL)
    return UV_ENOMEM;
  uvllm__free(name->dns->alloc, name->line);
  name->line = line;
  name->addresses = found;
  uvllm__addresses_interleave(&name->addresses);
  name->generation++;
  name->stale = 0;
  return 0;
}


static void wait_for(uvllm__dns_name_t* name, uvllm__exchange_t* x) {
  x->name = name;
  x->next = NULL;
  x->prev = name->waiting_tail;
  *x->prev = x;
  name->waiting_tail = &x->next;
}


void uvllm__dns_forget_waiter(uvllm__exchange_t* x) {
  if (x->name == NULL)
    return;
  *x->prev = x->next;
  if (x->next != NULL)
    x->next->prev = x->prev;
  else
    x->name->waiting_tail = x->prev;
  x->name = NULL;
}


static void tell_about(uvllm__dns_t* dns, uvllm__dns_name_t* name, int* max,
                       void (*ready)(uvllm__exchange_t* x, uvllm__dns_name_t* name, int err)) {
  while (name->waiting != NULL && !name->asking && (*max)-- > 0) {
    uvllm__exchange_t* x = name->waiting;
    uvllm__dns_forget_waiter(x);
    ready(x, name, name->line != NULL ? 0 : name->err); /* old addresses are better than none */
  }
  dns->to_tell |= name->waiting != NULL && !name->asking;
}


void uvllm__dns_tell(uvllm__dns_t* dns, int max,
                     void (*ready)(uvllm__exchange_t* x, uvllm__dns_name_t* name, int err)) {
  if (!dns->to_tell)
    return;
  dns->to_tell = 0;
  for (uvllm__dns_name_t* name = dns->names; name != NULL; name = name->next)
    tell_about(dns, name, &max, ready);
  if (dns->to_tell)
    dns->answered(dns->ctx);
}


static void on_addresses(uv_getaddrinfo_t* req, int status, struct addrinfo* list) {
  uvllm__dns_name_t* name = req->data;
  uvllm__dns_t* dns = name->dns;
  name->asking = 0;
  dns->nasking--;
  name->err = status == 0 ? take_answer(name, list) : status;
  uv_freeaddrinfo(list);
  name->expires_ns = uv_hrtime() + TTL_NS;
  if (dns->closed != NULL) {
    if (dns->nasking == 0)
      finish_close(dns);
    return;
  }
  dns->to_tell = 1;
  dns->answered(dns->ctx);
}


static int ask(uvllm__dns_t* dns, uvllm__dns_name_t* name) {
  struct addrinfo hints;
  memset(&hints, 0, sizeof(hints));
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  name->req.data = name;
  int err = uv_getaddrinfo(dns->loop, &name->req, on_addresses, name->host, NULL, &hints);
  if (err == 0) {
    name->asking = 1;
    dns->nasking++;
  }
  return err;
}


/* Providers come and go: names that nobody asks for make room. */
static void make_room(uvllm__dns_t* dns, uint64_t now) {
  for (uvllm__dns_name_t** p = &dns->names; dns->nnames >= MAX_NAMES && *p != NULL;) {
    uvllm__dns_name_t* name = *p;
    if (name->asking || name->waiting != NULL || name->users > 0 || name->expires_ns > now) {
      p = &name->next;
      continue;
    }
    *p = name->next;
    dns->nnames--;
    free_name(dns, name);
  }
}


static uvllm__dns_name_t* find(uvllm__dns_t* dns, const uvllm__origin_t* o) {
  uvllm__dns_name_t* name = dns->names;
  while (name != NULL && (name->port != o->port || strcmp(name->host, o->host) != 0))
    name = name->next;
  return name;
}


void uvllm__dns_distrust(uvllm__dns_t* dns, const uvllm__origin_t* origin) {
  uvllm__dns_name_t* name = find(dns, origin);
  if (name != NULL)
    name->stale = 1;
}


static uvllm__dns_name_t* find_or_add(uvllm__dns_t* dns, const uvllm__origin_t* o, uint64_t now) {
  uvllm__dns_name_t* name = find(dns, o);
  if (name != NULL)
    return name;
  make_room(dns, now);
  name = uvllm__calloc(dns->alloc, 1, sizeof(*name));
  if (name == NULL)
    return NULL;
  name->host = uvllm__strdup(dns->alloc, o->host);
  if (name->host == NULL) {
    uvllm__free(dns->alloc, name);
    return NULL;
  }
  name->dns = dns;
  name->port = o->port;
  name->waiting_tail = &name->waiting;
  name->next = dns->names;
  dns->names = name;
  dns->nnames++;
  return name;
}


int uvllm__dns_lookup(uvllm__dns_t* dns, const uvllm__origin_t* origin, uvllm__exchange_t* x,
                      uvllm__dns_name_t** out) {
  uint64_t now = uv_hrtime();
  uvllm__dns_name_t* name = find_or_add(dns, origin, now);
  if (name == NULL)
    return UV_ENOMEM;
  *out = name;
  int usable = name->line != NULL && !name->stale;
  if (!name->asking && (!usable || now >= name->expires_ns)) {
    int err = ask(dns, name);
    if (err != 0 && !usable)
      return err;
  }
  if (usable)
    return 0;
  wait_for(name, x);
  return UV_EAGAIN;
}
