-- Ends one delivery, if this node still holds it: removes the message, stores the result, publishes what follows.
--
-- KEYS: unacked, unacked_index, lease, undecodable, result key, then one list per push
-- ARGV: tag, result's meta or '', its time to live in seconds, the stored result that was read ('' for none), then per push:
--       'L' or 'R', payload
-- Answers 1 (done), 0 (not held), or the compressed result that somebody has to read first; then nothing was done.
local tag = ARGV[1]
local envelope = redis.call('SISMEMBER', KEYS[3], tag) == 1 and redis.call('HEXISTS', KEYS[1], tag) == 1
if not envelope and redis.call('HEXISTS', KEYS[4], tag) == 0 then
  redis.call('SREM', KEYS[3], tag)
  return 0
end

-- What needs memory comes first: on a full server nothing is removed before it is stored.
if ARGV[2] ~= '' then
  local compressed = store(KEYS[5], ARGV[2], tonumber(ARGV[3]), ARGV[4])
  if compressed then return compressed end
end
for position = 5, #ARGV, 2 do
  local list = KEYS[6 + (position - 5) / 2]
  redis.call(ARGV[position] == 'R' and 'RPUSH' or 'LPUSH', list, ARGV[position + 1])
end

if envelope then
  redis.call('HDEL', KEYS[1], tag)
  redis.call('ZREM', KEYS[2], tag)
  redis.call('SREM', KEYS[3], tag)
else
  redis.call('HDEL', KEYS[4], tag)
end
return 1
