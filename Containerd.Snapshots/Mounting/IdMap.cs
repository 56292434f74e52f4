using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Containerd.Snapshots;

/// <summary>Which owner on disk is shown as which: the <c>uidmap</c> and <c>gidmap</c> of a mount (M-10).</summary>
/// <param name="Users">Ranges of users, none empty, none overlapping another.</param>
/// <param name="Groups">The same for groups.</param>
internal sealed record IdMap(ImmutableArray<IdMapping> Users, ImmutableArray<IdMapping> Groups)
{
    // user_namespaces(7): 340 lines since Linux 4.15.
    private const int MaxRanges = 340;

    // kernel/user_namespace.c map_write: less than a page.
    private const int MaxText = 4095;

    /// <summary>What the owner 0 on disk is shown as, or else the first one of the map.</summary>
    public FileIds Root => new(RootOf(Users), RootOf(Groups));

    /// <summary>Parses <c>CONTAINER:HOST:SIZE[,…]</c>; where it is no map, says what is wrong.</summary>
    public static bool TryParse(string text, out ImmutableArray<IdMapping> map, [NotNullWhen(false)] out string? problem)
    {
        map = [];
        string[] parts = text.Split(',');
        if (parts.Length > MaxRanges)
        {
            problem = $"it has {parts.Length} ranges, the kernel takes {MaxRanges}";
            return false;
        }
        var ranges = ImmutableArray.CreateBuilder<IdMapping>();
        foreach (string part in parts)
        {
            string[] numbers = part.Split(':');
            // The last ID, 2^32 - 1, stands for none.
            if (numbers.Length != 3 || !IsNumber(numbers[0], out uint container) || !IsNumber(numbers[1], out uint host) || !IsNumber(numbers[2], out uint length)
                || length == 0 || container > uint.MaxValue - length || host > uint.MaxValue - length)
            {
                problem = $"'{Excerpt.Of(part)}' is not CONTAINER:HOST:SIZE, three numbers of IDs below 4294967295 and at least one of them";
                return false;
            }
            var range = new IdMapping(container, host, length);
            if (ranges.Any(other => Overlap(other.ContainerId, other.Length, container, length) || Overlap(other.HostId, other.Length, host, length)))
            {
                problem = $"range '{range}' overlaps another one";
                return false;
            }
            ranges.Add(range);
        }
        if (Lines(ranges.ToImmutable()).Length > MaxText)
        {
            problem = $"its {ranges.Count} ranges are longer than the {MaxText} bytes the kernel takes";
            return false;
        }
        map = ranges.ToImmutable();
        problem = null;
        return true;
    }

    /// <summary>The ranges as the kernel's map files take them.</summary>
    public static string Lines(ImmutableArray<IdMapping> map) =>
        string.Concat(map.Select(range => string.Create(CultureInfo.InvariantCulture, $"{range.ContainerId} {range.HostId} {range.Length}\n")));

    private static bool IsNumber(string text, out uint number) => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static bool Overlap(uint a, uint aLength, uint b, uint bLength) => a < (ulong)b + bLength && b < (ulong)a + aLength;

    private static uint RootOf(ImmutableArray<IdMapping> map)
    {
        foreach (IdMapping range in map)
        {
            if (range.ContainerId == 0)
                return range.HostId;
        }
        return map[0].HostId;
    }
}
