-- wrk: putSecret through POST /v1/events, each request with an id of its own.
-- Told by the environment: CC_BENCH_TOKEN, CC_BENCH_AGENT, CC_BENCH_RUN (letters and digits),
-- CC_BENCH_PREFIX (where the secrets lie), CC_BENCH_SECRETS (how many of them each run has for itself).

dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "") .. "result.lua")

local threads = {}

function setup(thread)
  thread:set("number", #threads + 1)
  table.insert(threads, thread)
end

function init(args)
  local agent = os.getenv("CC_BENCH_AGENT")
  run = os.getenv("CC_BENCH_RUN")
  secrets = tonumber(os.getenv("CC_BENCH_SECRETS"))
  math.randomseed(os.time() * 64 + number)
  counter, accepted, refused = 0, 0, 0
  first_refusal = ""
  head = "POST /v1/events HTTP/1.1\r\nHost: " .. wrk.host .. "\r\nAuthorization: Bearer "
    .. os.getenv("CC_BENCH_TOKEN") .. "\r\nContent-Type: application/json\r\nContent-Length: "
  before_id = '{"source":"agent.' .. agent .. '","detail-type":"devops.request","detail":{"action":"putSecret",'
    .. '"stage":"dev","requestedBy":"' .. agent .. '","ts":"2026-01-01T00:00:00Z","requestId":"'
  before_name = '","params":{"name":"' .. os.getenv("CC_BENCH_PREFIX")
  before_value = '","value":"measured-'
end

-- The id begins at random, as a UUID does, so that the ledger's index is entered everywhere.
function request()
  counter = counter + 1
  local id = string.format("%06x%06x-%s-%d-%d", math.random(0, 0xffffff), math.random(0, 0xffffff), run, number, counter)
  local name = string.format("load-%s-%d", run, math.random(1, secrets))
  local body = before_id .. id .. before_name .. name .. before_value .. id .. '"}}}'
  return head .. #body .. "\r\n\r\n" .. body
end

function response(status, headers, body)
  if status == 202 then
    accepted = accepted + 1
  else
    refused = refused + 1
    if first_refusal == "" then first_refusal = status .. " " .. body end
  end
end

function done(summary, latency, requests)
  write_result(summary, latency, counted(threads))
end
