-- wrk: requests that were signed before, each in its turn.
-- Told by the environment: CC_BENCH_REQUESTS, a path; thread N reads PATH.N: for each request a line with its length, and it.
-- CC_BENCH_ONCE: a request is sent once, and PutEvents' answers are read; else they go round, and nothing is read.

dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "") .. "result.lua")

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
  if once then
    write_result(summary, latency, counted(threads))
  else
    write_result(summary, latency, summary.requests - summary.errors.status, summary.errors.status, "")
  end
end
