-- Stores a result and tells those who wait for it, in one step; a stored SUCCESS stays (celery-wire.md 6.3).
--
-- Answers what is stored, and does nothing, when that is compressed and not what the caller has read already (`seen`): whether
-- it is a SUCCESS only its reader can tell (celery-wire.md 6.4).
local function store(key, meta, ttl, seen)
  local current = redis.call('GET', key)
  if current then
    if string.sub(current, 1, 19) == '\0celery-compressed\0' then
      if current ~= seen then return current end
    elseif string.find(current, 'SUCCESS', 1, true) then
      local ok, stored = pcall(cjson.decode, current)
      if ok and type(stored) == 'table' and stored.status == 'SUCCESS' then return nil end
    end
  end
  if ttl > 0 then redis.call('SETEX', key, ttl, meta) else redis.call('SET', key, meta) end
  redis.call('PUBLISH', key, meta)
  return nil
end
