-- Gives one message of a node back to its queue, if it still lies where the node left it.
--
-- KEYS: unacked, unacked_index, lease of the node, then the lists to push to
-- ARGV: tag, the entry of `unacked` that was read, payload
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  redis.call('SREM', KEYS[3], ARGV[1])
  return 0
end
for position = 4, #KEYS do redis.call('RPUSH', KEYS[position], ARGV[3]) end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('SREM', KEYS[3], ARGV[1])
return 1
