-- Lets go of a message until its time is near. It stays in `unacked`, scored so that a Python worker's sweep puts it back
-- soon after its time if no node of ours has fetched it by then.
--
-- KEYS: unacked, unacked_index, lease, delayed messages of its queue
-- ARGV: tag, its time, the score
if redis.call('SISMEMBER', KEYS[3], ARGV[1]) == 0 or redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  redis.call('SREM', KEYS[3], ARGV[1])
  return 0
end
redis.call('ZADD', KEYS[4], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('SREM', KEYS[3], ARGV[1])
return 1
