-- What is there now: priority steps in order, in each step the queues take turns. Never more than the node may hold
-- (the last of ARGV): what it was handed in the meantime counts.
want = math.min(want, tonumber(ARGV[#ARGV]) - redis.call('SCARD', lease))
local failure
for first = 6, #KEYS, queues do
  local open = {}
  for queue = 0, queues - 1 do open[#open + 1] = queue end
  while #open > 0 and #answer / 4 < want do
    local still = {}
    for _, queue in ipairs(open) do
      local room = want - #answer / 4
      -- One at a time while queues take turns, all that fits from the last one.
      local count = #open == 1 and room or math.min(1, room)
      local raws = count > 0 and redis.pcall('RPOP', KEYS[first + queue], count)
      if raws and raws.err then
        -- A key of that name that is no list: the other queues go on, and what they gave must be recorded.
        failure = raws
      elseif raws then
        for _, raw in ipairs(raws) do park(raw, KEYS[first + queue], ARGV[5 + queue]) end
        if #raws == count then still[#still + 1] = queue end
      end
    end
    open = still
  end
end
record()
if #answer == 0 and failure then return failure end
return answer
