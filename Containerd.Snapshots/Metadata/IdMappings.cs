namespace Containerd.Snapshots;

/// <summary>The ID maps of a snapshot's mounts in the form of their options, <c>CONTAINER:HOST:LENGTH,…</c>; empty for none.</summary>
internal readonly record struct IdMappings(string Users, string Groups)
{
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
        string text = string.Join(',', ranges.Select(range => range.ToString()));
        return IdMap.TryParse(text, out _, out string? problem) ? text : throw Refusal(key, $"the {what} map cannot be: {problem}");
    }

    private static ContainerdException Refusal(string key, string reason) =>
        new(ErrorKind.InvalidArgument, $"Preparing snapshot '{Excerpt.Of(key)}': {reason}.") { Subject = key };
}
