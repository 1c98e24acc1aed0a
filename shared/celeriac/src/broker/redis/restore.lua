-- Gives one message back to its queue, if it still lies where it was read.
--
-- KEYS: unacked, unacked_index, lease of the node that held it, then the lists to push to
-- ARGV: tag, the entry of `unacked` that was read, payload
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if entry ~= ARGV[2] then
  redis.call('SREM', KEYS[3], ARGV[1])
  -- An index entry without a message is of no use to anybody.
  if not entry then redis.call('ZREM', KEYS[2], ARGV[1]) end
  return 0
end
for position = 4, #KEYS do redis.call('RPUSH', KEYS[position], ARGV[3]) end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('SREM', KEYS[3], ARGV[1])
return 1
