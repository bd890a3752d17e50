/* Requests that are held back: whoever takes their answers has no room for them
 * now. One that waits leaves its lane, so that it stands in nobody's way; one
 * that is under way finishes. Their places in the queue are kept.
 */
#include "internal.h"


static void enter_parked(uvllm_req_t* req) {
  uvllm__req_set_state(req, UVLLM__PARKED);
  req->parked_ns = uv_hrtime();
}


void uvllm__req_enter_lane(uvllm_req_t* req) {
  if (req->held_back) {
    enter_parked(req);
    return;
  }
  int err = uvllm__req_enqueue(req);
  if (err != 0)
    uvllm__req_finish(req, err);
}


void uvllm__req_park(uvllm_req_t* req) {
  req->held_back = 1;
  if (req->state != UVLLM__QUEUED)
    return;
  uvllm__lane_leave(req);
  enter_parked(req);
  uvllm__schedule(req->client);
}


void uvllm__req_unpark(uvllm_req_t* req) {
  req->held_back = 0;
  if (req->state != UVLLM__PARKED)
    return;
  req->stood_ns += uv_hrtime() - req->parked_ns;
  uvllm__req_enter_lane(req);
  if (req->state == UVLLM__QUEUED)
    uvllm__req_arm(req);
  uvllm__schedule(req->client);
}
