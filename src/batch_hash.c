/* SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), in
 * pieces of any size: keyed for ids, so that no input can choose collisions,
 * and with a zero key to tell whether a file is the one it was. Pure.
 */
#include "batch_parts.h"


static uint64_t rotl(uint64_t x, int b) {
  return x << b | x >> (64 - b);
}


static void sip_round(uint64_t v[4]) {
  v[0] += v[1];
  v[2] += v[3];
  v[1] = rotl(v[1], 13) ^ v[0];
  v[3] = rotl(v[3], 16) ^ v[2];
  v[0] = rotl(v[0], 32);
  v[2] += v[1];
  v[0] += v[3];
  v[1] = rotl(v[1], 17) ^ v[2];
  v[3] = rotl(v[3], 21) ^ v[0];
  v[2] = rotl(v[2], 32);
}


static void sip_word(uint64_t v[4], uint64_t m) {
  v[3] ^= m;
  sip_round(v);
  sip_round(v);
  v[0] ^= m;
}


static uint64_t load_le(const unsigned char* p) {
  uint64_t m = 0;
  for (int i = 0; i < 8; i++)
    m |= (uint64_t) p[i] << (8 * i);
  return m;
}


void uvllm__sip_init(uvllm__sip_t* s, const uint64_t key[2]) {
  s->v[0] = key[0] ^ UINT64_C(0x736f6d6570736575);
  s->v[1] = key[1] ^ UINT64_C(0x646f72616e646f6d);
  s->v[2] = key[0] ^ UINT64_C(0x6c7967656e657261);
  s->v[3] = key[1] ^ UINT64_C(0x7465646279746573);
  s->tail = 0;
  s->len = 0;
}


static void sip_byte(uvllm__sip_t* s, unsigned char byte) {
  s->tail |= (uint64_t) byte << (8 * (s->len & 7));
  if ((++s->len & 7) == 0) {
    sip_word(s->v, s->tail);
    s->tail = 0;
  }
}


void uvllm__sip_update(uvllm__sip_t* s, const void* data, size_t len) {
  const unsigned char* p = data;
  for (; len != 0 && (s->len & 7) != 0; len--)
    sip_byte(s, *p++);
  for (; len >= 8; len -= 8, p += 8, s->len += 8)
    sip_word(s->v, load_le(p));
  for (; len != 0; len--)
    sip_byte(s, *p++);
}


uint64_t uvllm__sip_final(const uvllm__sip_t* s) {
  uint64_t v[4] = { s->v[0], s->v[1], s->v[2], s->v[3] };
  sip_word(v, s->tail | s->len << 56);
  v[2] ^= 0xff;
  for (int i = 0; i < 4; i++)
    sip_round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}


uint64_t uvllm__sip(const uint64_t key[2], const void* data, size_t len) {
  uvllm__sip_t s;
  uvllm__sip_init(&s, key);
  uvllm__sip_update(&s, data, len);
  return uvllm__sip_final(&s);
}
