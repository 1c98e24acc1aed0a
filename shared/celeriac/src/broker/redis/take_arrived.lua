-- What a blocked BLMOVE has just moved from the one list of KEYS to our in-flight list (the last of KEYS). This
-- command waits behind the BLMOVE in the same connection, on the server: there is no moment in which only we know of the
-- message. When the window (`want`) has filled up since, the message goes back to where it came from.
local list, inflight = KEYS[6], KEYS[7]
local raw = redis.call('LINDEX', inflight, 0)
if not raw then return answer end
if redis.call('SCARD', lease) >= want then
  redis.call('LMOVE', inflight, list, 'LEFT', 'RIGHT')
  return answer
end
redis.call('LPOP', inflight)
park(raw, list, ARGV[5])
record()
-- A fifth item tells that more is waiting there.
if redis.call('EXISTS', list) == 1 then answer[#answer + 1] = 'more' end
return answer
