-- What is next to be taken from each list, as a short word; empty when there is nothing.
--
-- KEYS: nodes, then the lists

-- A write that changes nothing: where nothing can be written, nothing can be taken, and the script ends here.
redis.call('ZADD', KEYS[1], 'XX', 0, '')
local heads = {}
for position = 2, #KEYS do
  local head = redis.pcall('LINDEX', KEYS[position], -1)
  heads[position - 1] = type(head) == 'string' and redis.sha1hex(head) or ''
end
return heads
