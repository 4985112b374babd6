-- What wrk asks for, and how it tells what came of it: `wrk … -s wrk.lua URL -- LOAD COOKIES`.
--
-- One line at the end: requests, requests per second, and the latencies below which 50, 99 and 99.9 of 100 lie, in
-- microseconds.

local requests = {}

local function add(times, method, path, body, headers)
    local request = wrk.format(method, path, headers, body)
    for _ = 1, times do
        requests[#requests + 1] = request
    end
end

-- One megabyte as Roundcube's compose page uploads it.
local function upload()
    local boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
    local part = "--" .. boundary .. "\r\nContent-Disposition: form-data; "
    local line = string.rep("0123456789abcdef", 64)
    return part .. 'name="_token"\r\n\r\nt\r\n' .. part .. 'name="_attachments[]"; filename="a.bin"\r\n'
        .. "Content-Type: application/octet-stream\r\n\r\n" .. string.rep(line, 1024) .. "\r\n--" .. boundary .. "--\r\n",
        "multipart/form-data; boundary=" .. boundary
end

local loads = {
    ["h1-1k"] = function() add(1, "GET", "/program/js/1k.js") end,
    ["h1-64k"] = function() add(1, "GET", "/program/js/64k.js") end,
    ["resumed-tls"] = function() add(1, "GET", "/program/js/1k.js", nil, { Connection = "close" }) end,
    ["idle"] = function() add(1, "GET", "/program/js/1k.js") end,
    ["script"] = function(browser) add(1, "GET", "/?_task=mail&_action=list&_mbox=INBOX&_remote=1", nil, browser) end,
    ["upload-1m"] = function(browser)
        local body, kind = upload()
        browser["Content-Type"] = kind
        add(1, "POST", "/?_task=mail&_action=upload&_id=1&_uploadid=2&_from=compose&_remote=1", body, browser)
    end,
    -- A hundred requests of somebody at work: files of a page whose cache is half warm, lists and refreshes, messages
    -- opened, compose pages, drafts saved as they are written, attachments looked at.
    ["mix"] = function(browser)
        add(25, "GET", "/program/js/2k.js")
        add(12, "GET", "/program/js/20k.js")
        add(8, "GET", "/program/js/100k.js")
        add(25, "GET", "/?_task=mail&_action=list&_mbox=INBOX&_remote=1", nil, browser)
        add(15, "GET", "/?_task=mail&_action=preview&_uid=7&_mbox=INBOX&_framed=1", nil, browser)
        add(5, "GET", "/?_task=mail&_action=compose&_id=1", nil, browser)
        add(5, "GET", "/?_task=mail&_action=get&_uid=7&_mbox=INBOX&_part=2", nil, browser)
        browser["Content-Type"] = "application/x-www-form-urlencoded"
        local text = string.rep("Dear+all%2C+the+seminar+is+on+Tuesday.%0D%0A", 70)
        add(5, "POST", "/?_task=mail&_action=send", "_token=t&_task=mail&_action=send&_id=1&_draft=1&_to=b%40campus.example"
            .. "&_subject=Seminar&_message=" .. text, browser)
        for i = #requests, 2, -1 do
            local j = math.random(i)
            requests[i], requests[j] = requests[j], requests[i]
        end
    end,
}

local resting

function init(arguments)
    math.randomseed(1)
    resting = arguments[1] == "idle"
    local cookies = arguments[2] or ""
    loads[arguments[1]]({ Cookie = cookies, ["X-Requested-With"] = "XMLHttpRequest" })
end

local at = 0

function request()
    at = at % #requests + 1
    return requests[at]
end

-- Asked once, a connection of the idle load waits longer than the load lasts.
function delay()
    return resting and 3600000 or 0
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("wrk: %d %.0f %d %d %d %d\n", summary.requests, summary.requests / summary.duration * 1e6,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9), failed))
end
