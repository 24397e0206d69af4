#!/usr/bin/env python3
"""Drives OBS Studio and VLC against a running server; tests/interop/run starts it. Prints `N passed, N failed`."""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

options = argparse.ArgumentParser()
for name in ("weir", "http", "rtmp", "data", "work"):
    options.add_argument("--" + name, required=True)
options = options.parse_args()
passed, faults = 0, []


def check(what, ok, seen=""):
    global passed
    if ok:
        passed += 1
        print("ok", what)
    else:
        faults.append(f"{what}: {seen}")
        print("FAILED", what, str(seen)[-1500:], file=sys.stderr)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def on_air(stream):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{options.http}/api/v1/live/live/{stream}", timeout=3) as answer:
            return json.load(answer)
    except OSError:
        return None


def wait_for(what, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.2)
    return None


def probe(path):
    """What was recorded: frames of video that decode, their times, and what the decoder complained about."""
    run = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=dts_time,flags", "-of", "json", path], capture_output=True, text=True, timeout=60)
    packets = json.loads(run.stdout or "{}").get("packets", [])
    decode = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "null", "-"], capture_output=True, text=True, timeout=120)
    return packets, decode.stderr.strip()


class Obs:
    """OBS Studio 29 on a screen in memory, streaming a colour to one address."""

    def __init__(self, home, server, key):
        self.home = home
        conf = home + "/.config/obs-studio"
        write(conf + "/global.ini", "[General]\nFirstRun=true\nLastVersion=486539266\nInfoIncrement=100\nEnableAutoUpdates=false\n"
              "[Basic]\nProfile=T\nProfileDir=T\nSceneCollection=T\nSceneCollectionFile=T\n")
        write(conf + "/basic/profiles/T/basic.ini", "[General]\nName=T\n[Output]\nMode=Simple\nReconnect=false\n[SimpleOutput]\nVBitrate=800\nABitrate=96\n"
              "StreamEncoder=x264\nUseAdvanced=true\nPreset=ultrafast\nx264Settings=keyint=30 threads=1\n"
              "[Video]\nBaseCX=640\nBaseCY=360\nOutputCX=640\nOutputCY=360\nFPSType=0\nFPSCommon=30\n[Audio]\nSampleRate=48000\nChannelSetup=Stereo\n")
        write(conf + "/basic/profiles/T/service.json", json.dumps({"type": "rtmp_custom", "settings": {"server": server, "key": key, "use_auth": False, "bwtest": False}}))
        item = {"name": "M", "id": 1, "visible": True, "pos": {"x": 0.0, "y": 0.0}, "scale": {"x": 1.0, "y": 1.0}}
        write(conf + "/basic/scenes/T.json", json.dumps({
            "name": "T", "current_scene": "S", "current_program_scene": "S", "scene_order": [{"name": "S"}], "transitions": [], "current_transition": "Cut", "transition_duration": 300,
            "sources": [{"id": "scene", "versioned_id": "scene", "name": "S", "settings": {"id_counter": 1, "custom_size": False, "items": [item]}},
                        {"id": "color_source", "versioned_id": "color_source_v3", "name": "M", "enabled": True, "settings": {"color": 4278255360, "width": 640, "height": 360}}]}))
        os.makedirs(home + "/run", mode=0o700)
        ours, theirs = os.pipe()
        self.screen = subprocess.Popen(["Xvfb", "-displayfd", str(theirs), "-screen", "0", "1280x800x24", "-nolisten", "tcp"], pass_fds=[theirs], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs)
        display = os.read(ours, 20).decode().strip()
        env = {**os.environ, "HOME": home, "XDG_RUNTIME_DIR": home + "/run", "DISPLAY": ":" + display, "LIBGL_ALWAYS_SOFTWARE": "1"}
        env.pop("XDG_CONFIG_HOME", None)
        self.log = open(home + "/obs.log", "w+", encoding="utf-8", errors="replace")
        self.obs = subprocess.Popen(["obs", "--multi", "--disable-updater", "--disable-shutdown-check", "--profile", "T", "--collection", "T", "--scene", "S", "--startstreaming"],
                                    env=env, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)

    def text(self):
        with open(self.home + "/obs.log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if self.obs.poll() is None:
                os.killpg(self.obs.pid, sig)
                try:
                    self.obs.wait(6)
                except subprocess.TimeoutExpired:
                    pass
        self.screen.terminate()
        self.screen.wait(10)
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)


def obs_pushes():
    urls = json.loads(subprocess.check_output([options.weir, "url", "push", "live/obs", "--json", "--data", options.data, "--host", "127.0.0.1"], text=True))
    server = re.sub(r"127\.0\.0\.1(:\d+)?", "127.0.0.1:" + options.rtmp, urls["server"])
    obs = Obs(options.work + "/obs", server, urls["stream_key"])
    try:
        live = wait_for(lambda: on_air("obs"), 60)
        check("OBS pushes to a signed address", live and live["on_air"], obs.text()[-1500:])
        record = options.work + "/obs.flv"
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-t", "5", "-i", f"rtmp://127.0.0.1:{options.rtmp}/live/obs", "-c", "copy", record], timeout=60, check=False)
        packets, complaint = probe(record)
        check("what OBS pushes is watched over RTMP", len(packets) >= 20 and not complaint, (len(packets), complaint))
        check("it begins with a key frame", packets and packets[0]["flags"].startswith("K"), packets[:1])
        vlc_plays("obs", "HTTP-FLV", f"http://127.0.0.1:{options.http}/live/obs.flv")
    finally:
        obs.stop()
    refused = Obs(options.work + "/obs2", server, urls["stream_key"].replace("txSecret=", "txSecret=0"))
    try:
        gone = wait_for(lambda: refused.obs.poll() is not None or re.search(r"Streaming Stop|Connection to .* failed|publish failed", refused.text(), re.I) or None, 60)
        check("OBS is told that a wrong signature is refused", gone and "Streaming Start" not in refused.text(), refused.text()[-1500:])
    finally:
        refused.stop()


def vlc_plays(stream, wire, url):
    """VLC refuses to run as root; it records what it was sent."""
    home = f"{options.work}/vlc-{wire}"
    os.makedirs(home)
    os.chmod(home, 0o777)
    record = home + "/record.ts"
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
    run = subprocess.run([*user, "env", "HOME=" + home, "cvlc", "-q", "--run-time=6", "--network-caching=300", "--sout", f"#std{{access=file,mux=ts,dst={record}}}", url, "vlc://quit"],
                         capture_output=True, text=True, timeout=90, check=False)
    packets, complaint = probe(record) if os.path.exists(record) else ([], run.stderr)
    check(f"VLC plays {stream} over {wire}", len(packets) >= 20, (len(packets), complaint, run.stderr[-500:]))


vlc_plays("demo", "RTMP", f"rtmp://127.0.0.1:{options.rtmp}/live/demo")
vlc_plays("demo", "FLV", f"http://127.0.0.1:{options.http}/live/demo.flv")
obs_pushes()
print(f"{passed} passed, {len(faults)} failed")
sys.exit(1 if faults else 0)
