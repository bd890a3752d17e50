/* Codes to names and texts, and where a failed request may yet succeed. */
#include <uv.h>
#include "mem.h"

_Static_assert((int) UVLLM__ENOMEM == (int) UV_ENOMEM, "libuv's codes are -errno");
_Static_assert((int) UVLLM__EAGAIN == (int) UV_EAGAIN, "libuv's codes are -errno");
_Static_assert((int) UVLLM__EINVAL == (int) UV_EINVAL, "libuv's codes are -errno");
_Static_assert((int) UVLLM__ECANCELED == (int) UV_ECANCELED, "libuv's codes are -errno");


const char* uvllm_strerror(int err) {
  switch (err) {
#define XX(name, code, text)                                                   \
  case UVLLM_##name:                                                           \
    return text;
    UVLLM_ERRNO_MAP(XX)
#undef XX
    case 0:
      return "success";
    default:
      return err <= -20000 && err >= UVLLM_ERRNO_MAX ? "unknown uvllm error" : uv_strerror(err);
  }
}


const char* uvllm_err_name(int err) {
  switch (err) {
#define XX(name, code, text)                                                   \
  case UVLLM_##name:                                                           \
    return "UVLLM_" #name;
    UVLLM_ERRNO_MAP(XX)
#undef XX
    case 0:
      return "OK";
    default:
      return err <= -20000 && err >= UVLLM_ERRNO_MAX ? "UVLLM_UNKNOWN" : uv_err_name(err);
  }
}


/* libuv allocates for codes it does not know (uv_strerror(3)); ours never pass
 * one on that did not come from libuv.
 */
unsigned int uvllm_err_scope(int err) {
  switch (err) {
    case UVLLM_ERATELIMIT:
    case UVLLM_EOVERLOAD:
    case UVLLM_EPROVIDER:
    case UVLLM_EPROTO:
    case UVLLM_ETRUNCATED:
    case UVLLM_ETIMECONNECT:
    case UVLLM_ETIMEFIRST:
    case UVLLM_ETIMEIDLE:
    case UV_ECONNREFUSED:
    case UV_ECONNRESET:
    case UV_ECONNABORTED:
    case UV_EPIPE:
    case UV_ETIMEDOUT:
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_EAI_AGAIN:
    case UV_EOF:
      return UVLLM_RETRY_SAME | UVLLM_RETRY_KEY | UVLLM_RETRY_TARGET;
    case UVLLM_EAUTH:
    case UVLLM_EPERMISSION:
    case UVLLM_EQUOTA:
      return UVLLM_RETRY_KEY | UVLLM_RETRY_TARGET;
    case UVLLM_ECONTEXT:
    case UVLLM_EFILTER:
    case UVLLM_ENOMODEL:
    case UVLLM_ETOOLARGE:
    case UVLLM_ETLS:
    case UVLLM_ELIMIT:
    case UVLLM_ENOKEY:
    case UV_EAI_NONAME:
      return UVLLM_RETRY_TARGET;
    case UV_EMFILE: /* of our own: others end, and then there is room */
    case UV_ENFILE:
    case UV_ENOBUFS:
      return UVLLM_RETRY_SAME;
    default:
      return 0;
  }
}
