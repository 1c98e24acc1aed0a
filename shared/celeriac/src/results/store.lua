-- Stores a result and tells those who wait for it, in one step; a stored SUCCESS stays (celery-wire.md 6.3).
local function store(key, meta, ttl)
  local current = redis.call('GET', key)
  if current and string.find(current, 'SUCCESS', 1, true) then
    local ok, stored = pcall(cjson.decode, current)
    if ok and type(stored) == 'table' and stored.status == 'SUCCESS' then return 0 end
  end
  if ttl > 0 then redis.call('SETEX', key, ttl, meta) else redis.call('SET', key, meta) end
  redis.call('PUBLISH', key, meta)
  return 1
end
