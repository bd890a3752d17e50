/* Heads of answers that are none, without their last empty line: nobody takes
 * them.
 */
#ifndef UVLLM_TESTS_MALFORMED_H
#define UVLLM_TESTS_MALFORMED_H

static const char* const malformed_heads[] = {
  "HTTP/2.0 200 OK\r\n", "HTTP/1.2 200 OK\r\n", "HTTP/1.1 20 OK\r\n", "HTTP/1.1 2000 OK\r\n",
  "HTTP/1.1 0200 OK\r\n", "HTTP/1.1  200 OK\r\n", "http/1.1 200 OK\r\n",
  "HTTP/1.1 200 O\x01K\r\n",
  "\r\nHTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n\r\nHTTP/1.1 200 OK\r\n",
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n",
  "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\n",
  "HTTP/1.1 102 Processing\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\n",
  "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n", "HTTP/1.1 200 OK\r\nX: a\r\n\tb\r\n",
  "HTTP/1.1 200 OK\r\nX:\r\n b\r\n", "HTTP/1.1 200 OK\r\n X: a\r\n",
  "HTTP/1.1 200 OK\r\nX: a\r\n \r\n", "HTTP/1.1 200 OK\r\nX : a\r\n",
  "HTTP/1.1 200 OK\r\nX\r\n", "HTTP/1.1 200 OK\r\n: a\r\n", "HTTP/1.1 200 OK\r\nX Y: a\r\n",
  "HTTP/1.1 200 OK\r\nX: a\x01\r\n", "HTTP/1.1 200 OK\r\nX: a\x7f\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length:\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
  "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n",
  "HTTP/1.1 503 Service Unavailable\r\nX\r\n"
};

enum { MALFORMED_HEADS = sizeof(malformed_heads) / sizeof(malformed_heads[0]) };

/* What stands behind each: a body in chunks. */
#define MALFORMED_REST "\r\n5\r\nhello\r\n0\r\n\r\n"

#endif
