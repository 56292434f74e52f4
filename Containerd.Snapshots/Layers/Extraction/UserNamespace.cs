namespace Containerd.Snapshots;

/// <summary>Whether this process runs in a user namespace other than the initial one, where some things are never allowed.</summary>
internal static class UserNamespace
{
    // The initial namespace maps every ID onto itself. user_namespaces(7).
    private static readonly Lazy<bool> Inside = new(() =>
        !File.ReadAllText("/proc/self/uid_map").Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .SequenceEqual(["0", "0", "4294967295"]));

    public static bool IsInside => Inside.Value;
}
