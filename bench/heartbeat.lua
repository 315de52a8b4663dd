-- wrk: heartbeats of several agents in turn.
-- Told by the environment: CC_BENCH_AGENTS, a list of NAME=TOKEN with spaces between.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  requests, turn = {}, 0
  local body = '{"healthy":true}'
  for name, token in os.getenv("CC_BENCH_AGENTS"):gmatch("(%S+)=(%S+)") do
    table.insert(requests, "POST /v1/agents/" .. name .. "/heartbeat HTTP/1.1\r\nHost: " .. wrk.host
      .. "\r\nAuthorization: Bearer " .. token .. "\r\nContent-Type: application/json\r\nContent-Length: "
      .. #body .. "\r\n\r\n" .. body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

-- No response(): reading every answer would make the load's own machine time the limit. wrk counts
-- answers of 400 and above itself, and the runner counts the 204 in /metrics.
function done(summary, latency, requests)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    'RESULT {"seconds": %.6f, "accepted": %d, "refused": %d, "errors": %d, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}\n',
    summary.duration / 1e6, summary.requests - summary.errors.status, summary.errors.status, errors,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
