using System.Text;

namespace Containerd.Execution;

/// <summary>The name of a cgroup, from the root of its hierarchy.</summary>
internal static class CgroupPath
{
    /// <summary>Whether a path says what it means: one that climbs could lead to a cgroup that is anybody's.</summary>
    public static bool IsPlain(string path) => !path.Split('/').Any(name => name is "." or "..");

    /// <summary>The parent of a state root's containers where none is given: two roots never share one.</summary>
    public static string ForStateRoot(string stateRoot) => $"/containerd-net-{Digest.Sha256(Encoding.UTF8.GetBytes(stateRoot)).Hex[..12]}";
}
