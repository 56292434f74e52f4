using System.Collections;

namespace Containerd.Execution;

/// <summary>The environment that a runtime's program gets: ours, without what would change what it does to the container.</summary>
internal static class RuntimeEnvironment
{
    /// <summary>Whether a variable is kept from the runtime.</summary>
    /// <remarks>
    /// NOTIFY_SOCKET and LISTEN_* would hand the host's service notification and sockets to the container; _LIBCONTAINER_* are runc's own between its
    /// stages; RUN_OCI_SECCOMP_RECEIVER redirects crun's; XDG_RUNTIME_DIR moves the state directory of a runtime that is told none.
    /// </remarks>
    public static bool IsWithheld(string name) =>
        name is "NOTIFY_SOCKET" or "LISTEN_FDS" or "LISTEN_PID" or "LISTEN_FDNAMES" or "RUN_OCI_SECCOMP_RECEIVER" or "XDG_RUNTIME_DIR"
        || name.StartsWith("_LIBCONTAINER_", StringComparison.Ordinal);

    /// <summary>All variables that are passed on.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Variables()
    {
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            if (variable is { Key: string name, Value: string value } && !IsWithheld(name))
                yield return new(name, value);
        }
    }

    /// <summary>All variables that are kept from the runtime.</summary>
    public static IEnumerable<string> Withheld() => Environment.GetEnvironmentVariables().Keys.Cast<string>().Where(IsWithheld);
}
