-- wrk: requests that were signed before, each in its turn.
-- Told by the environment: CC_BENCH_REQUESTS, a path; thread N reads PATH.N: for each request a line with its length, and it.
-- CC_BENCH_ONCE: a request is sent once, and PutEvents' answers are read; else they go round, and nothing is read.

local threads = {}
local once = os.getenv("CC_BENCH_ONCE")

function setup(thread)
  thread:set("number", #threads + 1)
  table.insert(threads, thread)
end

function init(args)
  requests, turn, accepted, refused, first_refusal = {}, 0, 0, 0, ""
  local file = assert(io.open(os.getenv("CC_BENCH_REQUESTS") .. "." .. number, "rb"))
  local length = file:read("*n")
  while length do
    file:read(1)
    table.insert(requests, file:read(length))
    length = file:read("*n")
  end
  file:close()
end

function request()
  turn = turn + 1
  if turn > #requests then
    if once then error("there are no more signed requests: sign more") end
    turn = 1
  end
  return requests[turn]
end

-- Reading every answer would make the load's own machine time the limit where there are very many.
if once then
  function response(status, headers, body)
    if status == 200 and body:find('"FailedEntryCount":0', 1, true) then
      accepted = accepted + 1
    else
      refused = refused + 1
      if first_refusal == "" then first_refusal = status .. " " .. body end
    end
  end
end

function done(summary, latency, requests)
  local accepted, refused, first = summary.requests - summary.errors.status, summary.errors.status, ""
  if once then
    accepted, refused = 0, 0
    for _, thread in ipairs(threads) do
      accepted = accepted + thread:get("accepted")
      refused = refused + thread:get("refused")
      if first == "" then first = thread:get("first_refusal") end
    end
  end
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  if first ~= "" then io.write("REFUSAL " .. first:gsub("%s+", " ") .. "\n") end
  io.write(string.format(
    'RESULT {"seconds": %.6f, "accepted": %d, "refused": %d, "errors": %d, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}\n',
    summary.duration / 1e6, accepted, refused, errors,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
