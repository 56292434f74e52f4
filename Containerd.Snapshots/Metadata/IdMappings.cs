using System.Globalization;

namespace Containerd.Snapshots;

/// <summary>The ID maps of a snapshot's mounts in the form of their options, <c>CONTAINER:HOST:LENGTH,…</c>; empty for none.</summary>
internal readonly record struct IdMappings(string Users, string Groups)
{
    // What the kernel takes (kernel/user_namespace.c UID_GID_MAP_MAX_EXTENTS).
    private const int MaxRanges = 340;

    public static IdMappings None { get; } = new("", "");

    public bool IsEmpty => Users.Length == 0;

    /// <summary>Checks and writes maps.</summary>
    public static IdMappings Of(string key, IReadOnlyList<IdMapping> users, IReadOnlyList<IdMapping> groups)
    {
        if (users.Count == 0 && groups.Count == 0)
            return None;
        if (users.Count == 0 || groups.Count == 0)
            throw Refusal(key, "users and groups are mapped together or not at all");
        return new IdMappings(Write(key, "user", users), Write(key, "group", groups));
    }

    private static string Write(string key, string what, IReadOnlyList<IdMapping> ranges)
    {
        if (ranges.Count > MaxRanges)
            throw Refusal(key, $"the {what} map has {ranges.Count} ranges, the kernel takes {MaxRanges}");
        for (int i = 0; i < ranges.Count; i++)
        {
            IdMapping range = ranges[i];
            // The last ID, 4294967295, stands for "no such ID".
            if (range.Length == 0 || (ulong)range.ContainerId + range.Length > uint.MaxValue || (ulong)range.HostId + range.Length > uint.MaxValue)
                throw Refusal(key, $"the {what} range {range} is empty or goes beyond the last ID");
            for (int j = 0; j < i; j++)
            {
                if (Overlap(range.ContainerId, ranges[j].ContainerId, range.Length, ranges[j].Length) || Overlap(range.HostId, ranges[j].HostId, range.Length, ranges[j].Length))
                    throw Refusal(key, $"the {what} ranges {ranges[j]} and {range} overlap");
            }
        }
        return string.Join(',', ranges.Select(range => range.ToString()));
    }

    private static bool Overlap(uint first, uint second, uint firstLength, uint secondLength) =>
        (ulong)first < (ulong)second + secondLength && (ulong)second < (ulong)first + firstLength;

    private static ContainerdException Refusal(string key, string reason) =>
        new(ErrorKind.InvalidArgument, string.Create(CultureInfo.InvariantCulture, $"Preparing snapshot '{Excerpt.Of(key)}': {reason}.")) { Subject = key };
}
