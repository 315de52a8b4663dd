-- What the other scripts say at their end, for the runner to read. Each runs it by dofile.

-- What the threads counted themselves: how much was accepted and refused, and the first refusal.
function counted(threads)
  local accepted, refused, first = 0, 0, ""
  for _, thread in ipairs(threads) do
    accepted = accepted + thread:get("accepted")
    refused = refused + thread:get("refused")
    if first == "" then first = thread:get("first_refusal") end
  end
  return accepted, refused, first
end

function write_result(summary, latency, accepted, refused, first)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  if first ~= "" then io.write("REFUSAL " .. first:gsub("%s+", " ") .. "\n") end
  io.write(string.format(
    'RESULT {"seconds": %.6f, "accepted": %d, "refused": %d, "errors": %d, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}\n',
    summary.duration / 1e6, accepted, refused, errors,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
