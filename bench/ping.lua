-- wrk: pings of several agents in turn, each by its address, as a cron line sends them.
-- Told by the environment: CC_BENCH_PINGS, a list of paths with spaces between.

function init(args)
  requests, turn = {}, 0
  for path in os.getenv("CC_BENCH_PINGS"):gmatch("%S+") do
    table.insert(requests, "GET " .. path .. " HTTP/1.1\r\nHost: " .. wrk.host .. "\r\n\r\n")
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

-- No response(): as in heartbeat.lua.
function done(summary, latency, requests)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    'RESULT {"seconds": %.6f, "accepted": %d, "refused": %d, "errors": %d, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}\n',
    summary.duration / 1e6, summary.requests - summary.errors.status, summary.errors.status, errors,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
