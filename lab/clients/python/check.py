"""Says what was tried and whether it worked, in the lines that lab/clients reads."""
import os
import sys
import time

NAMESPACE = os.environ["NAMESPACE"]
_failed = 0


def that(what, ok, detail=""):
    global _failed
    if ok:
        print(f"ok   {what}", flush=True)
    else:
        _failed += 1
        print(f"FAIL {what}: {str(detail).replace(chr(10), ' ')}", flush=True)


def refused(what, code, call):
    """The call must be refused with this code; answers the error."""
    from kubernetes.client.exceptions import ApiException
    try:
        came = call()
    except ApiException as error:
        that(what, error.status == code, f"{error.status} {error.body}")
        return error
    that(what, False, f"it was not refused: {came}")
    return None


def until(holds, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False


def restart():
    """Has the server killed and started again."""
    print("RESTART", flush=True)
    return sys.stdin.readline().strip() == "restarted"


def end():
    # Threads of watches must not keep the program.
    os._exit(1 if _failed else 0)


def pool(name, replicas=1, **spec):
    return {"apiVersion": "skerry.dev/v1alpha1", "kind": "NodePool", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"cluster": "base", "machineType": "b2.c2r4", "replicas": replicas, **spec}}
