-- wrk: heartbeats of several agents in turn.
-- Told by the environment: CC_BENCH_AGENTS, a list of NAME=TOKEN with spaces between.

dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "") .. "result.lua")

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
  write_result(summary, latency, summary.requests - summary.errors.status, summary.errors.status, "")
end
