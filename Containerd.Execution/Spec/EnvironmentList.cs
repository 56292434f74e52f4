namespace Containerd.Execution;

/// <summary>Environments as lists of NAME=VALUE.</summary>
internal static class EnvironmentList
{
    /// <summary>Lays one list over another: a variable that is there is replaced where it stands, a new one comes last, an entry without <c>=</c> removes.</summary>
    /// <remarks>Source: containerd pkg/oci/utils replaceOrAppendEnvValues.</remarks>
    public static IReadOnlyList<string> Merge(IEnumerable<string> under, IEnumerable<string> over)
    {
        List<string> merged = [.. under];
        foreach (string entry in over)
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? entry : entry[..equals];
            int index = merged.FindIndex(other => other.StartsWith(name, StringComparison.Ordinal) && other.Length > name.Length && other[name.Length] == '=');
            if (equals < 0)
                merged.RemoveAll(other => other.StartsWith($"{name}=", StringComparison.Ordinal));
            else if (index >= 0)
                merged[index] = entry;
            else
                merged.Add(entry);
        }
        return merged;
    }
}
