-- Tells the other nodes that this one lives, keeps its messages from looking overdue (celery-wire.md 3.7), and learns
-- what happened meanwhile. Delayed messages whose time is near come into this node's lease.
--
-- KEYS: nodes, unacked_index, unacked, lease, then the delayed messages of each queue
-- ARGV: node, seconds until the others may count it dead when it holds messages, and when it holds none, seconds that are
--       near, how many delayed messages it takes, then the tags it holds
-- Answers: 1 when the nodes did not know this one; the tags that are not ours any more; nodes that are dead; near messages;
--          tags in its lease that it has not named
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
-- What was taken while this call was on its way counts, too.
local holds = #ARGV > 5 or redis.call('EXISTS', KEYS[4]) == 1
local unknown = redis.call('ZADD', KEYS[1], now + tonumber(holds and ARGV[2] or ARGV[3]), ARGV[1])
local lost, known = {}, {}
for position = 6, #ARGV do
  local tag = ARGV[position]
  known[tag] = true
  if redis.call('ZADD', KEYS[2], 'XX', 'CH', now, tag) == 0 then
    lost[#lost + 1] = tag
    redis.call('SREM', KEYS[4], tag)
  end
end
local strangers = {}
for _, tag in ipairs(redis.call('SMEMBERS', KEYS[4])) do
  if not known[tag] then strangers[#strangers + 1] = tag end
end

local near, room = {}, tonumber(ARGV[5])
for position = 5, #KEYS do
  local limit = room - #near / 2
  local tags = limit > 0
    and redis.call('ZRANGEBYSCORE', KEYS[position], '-inf', now + tonumber(ARGV[4]), 'LIMIT', 0, limit) or {}
  for _, tag in ipairs(tags) do
    local entry = redis.call('HGET', KEYS[3], tag)
    -- Gone: a Python worker has put it back.
    if entry then
      redis.call('SADD', KEYS[4], tag)
      redis.call('ZADD', KEYS[2], now, tag)
      near[#near + 1] = tag
      near[#near + 1] = entry
    end
    redis.call('ZREM', KEYS[position], tag)
  end
end
return { unknown, lost, redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 16), near, strangers }
