-- Tells the other nodes that this one lives, keeps its messages from looking overdue (celery-wire.md 3.7), and learns
-- what happened meanwhile.
--
-- KEYS: nodes, unacked_index
-- ARGV: node, seconds until the others may count it dead, then the tags it holds
-- Answers: 1 when the nodes did not know this one, the tags that are not ours any more, nodes that are dead
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local unknown = redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
local lost = {}
for position = 3, #ARGV do
  if redis.call('ZADD', KEYS[2], 'XX', 'CH', now, ARGV[position]) == 0 then lost[#lost + 1] = ARGV[position] end
end
return { unknown, lost, redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 16) }
