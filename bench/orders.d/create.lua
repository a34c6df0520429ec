-- For wrk: each request creates another order, of two items. References begin with the time, so that
-- a second run has others.
local prefix = string.format("%x", os.time())
local count = 0

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer secret"

function request()
    count = count + 1
    return wrk.format(nil, nil, nil, string.format(
        '{"reference":"%s-%x","customer":"Ada Lovelace","email":"ada@example.com","note":"by the door",' ..
        '"items":[{"sku":"apple","quantity":2,"price":0.5},{"sku":"pear","quantity":1,"price":0.75}]}',
        prefix, count))
end
