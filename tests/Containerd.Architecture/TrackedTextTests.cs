using System.Text;
using System.Text.RegularExpressions;

namespace Containerd.Architecture;

/// <summary>What must not be written down in the repository.</summary>
public class TrackedTextTests
{
    // Each is put together from parts, lest this file be the one that is found.
    private static readonly string[] RegistryAddresses =
        ["api" + ".nuget", "nuget" + ".org", "deb" + ".debian.", "archive" + ".ubuntu.", "registry" + ".npmjs", "/v3/" + "index.json"];

    [Test]
    public async Task No_address_of_a_package_registry() =>
        Assert.That(await FindAsync(new Regex(string.Join('|', RegistryAddresses.Select(Regex.Escape)), RegexOptions.IgnoreCase)), Is.Empty);

    [Test]
    public async Task No_path_of_a_build_machine()
    {
        var patterns = new List<string> { @"[A-Z]:\\Users" + @"\\", "/work" + "/(main|wt|shared)/" };
        // Where this very clone and its user are at home, unless the path is so short that it means other things too.
        foreach (string path in (string[])[Repository.Root, Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)])
        {
            if (path.Count(c => c == '/') > 1)
                patterns.Add(Regex.Escape(path) + @"(?!\w)");
        }
        Assert.That(await FindAsync(new Regex(string.Join('|', patterns))), Is.Empty);
    }

    [Test]
    public async Task Nothing_is_left_to_be_done_later() =>
        Assert.That(await FindAsync(new Regex(@"\b(TO" + "DO|FIX" + "ME|HA" + "CK|NotImplemented" + @"Exception)\b")), Is.Empty);

    private static async Task<List<string>> FindAsync(Regex pattern)
    {
        var found = new List<string>();
        foreach (string path in await Repository.FilesAsync())
        {
            byte[] content = await File.ReadAllBytesAsync(Path.Join(Repository.Root, path));
            if (content.AsSpan().Contains((byte)0))
                continue;
            int number = 0;
            foreach (string line in Encoding.UTF8.GetString(content).Split('\n'))
            {
                number++;
                if (pattern.Match(line) is { Success: true } match)
                    found.Add($"{path}:{number}: {match.Value}");
            }
        }
        return found;
    }
}
