-- Takes up to `want` messages from the queues' lists into this node's lease, in one step on the server.
--
-- The message lies in `unacked` and `unacked_index` exactly as kombu records a delivery (celery-wire.md 3.1), so a
-- Python worker restores it if we vanish. It lies there under a tag of this delivery's own, not under the message's:
-- a tag that was used before may be shared with another holder (celery-wire.md 3.8).
--
-- KEYS: unacked, unacked_index, lease, nodes, undecodable, then the lists, step by step, the queues in turn in each step
-- ARGV: node, lease time in seconds, want, number of queues, then a queue name per queue, then a fresh tag per message,
--       and for take_now at last how many messages the node may hold
local unacked, index, lease, nodes, undecodable = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local want, queues = tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local answer, entries, scores, tags = {}, {}, {}, {}

-- First of all a write that needs memory: on a full server the script ends here, before anything has left its list.
redis.call('ZADD', nodes, now + tonumber(ARGV[2]), ARGV[1])

-- Where kombu would restore the message to. Answers nil for what kombu could not restore: it is no envelope.
local function destination(raw, queue)
  -- As kombu writes it, the end of the element tells, and nothing has to be decoded.
  local exchange, key = string.match(raw,
    '"delivery_info": {"exchange": "([^"\\]*)", "routing_key": "([^"\\]*)"}, "priority": %-?%d+, "body_encoding": "base64", "delivery_tag": "[%x%-]+"}}$')
  if exchange then return '"' .. exchange .. '"', '"' .. key .. '"' end
  local ok, envelope = pcall(cjson.decode, raw)
  if not ok or type(envelope) ~= 'table' or type(envelope.headers) ~= 'table'
    or type(envelope.properties) ~= 'table' then
    return nil
  end
  local info = envelope.properties.delivery_info
  if type(info) == 'table' and type(info.exchange) == 'string' and type(info.routing_key) == 'string' then
    return cjson.encode(info.exchange), cjson.encode(info.routing_key)
  end
  return '""', cjson.encode(queue)
end

local function park(raw, list, queue)
  local tag = ARGV[4 + queues + #answer / 4 + 1]
  local exchange, key = destination(raw, queue)
  if exchange then
    entries[#entries + 1] = tag
    entries[#entries + 1] = '[' .. raw .. ', ' .. exchange .. ', ' .. key .. ']'
    scores[#scores + 1] = now
    scores[#scores + 1] = tag
    tags[#tags + 1] = tag
  else
    redis.call('HSET', undecodable, tag, raw)
  end
  answer[#answer + 1] = tag
  answer[#answer + 1] = raw
  answer[#answer + 1] = list
  answer[#answer + 1] = queue
end

local function record()
  if #entries > 0 then
    redis.call('HSET', unacked, unpack(entries))
    redis.call('ZADD', index, unpack(scores))
    redis.call('SADD', lease, unpack(tags))
  end
  return answer
end
