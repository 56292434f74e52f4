namespace Containerd.Benchmarks;

/// <summary><c>buildah pull</c> into a storage of its own.</summary>
internal static class Buildah
{
    public static async Task PullAsync(string directory, string reference, CancellationToken cancellationToken)
    {
        string policy = Path.Join(directory, "policy.json");
        await File.WriteAllTextAsync(policy, """{"default":[{"type":"insecureAcceptAnything"}]}""", cancellationToken);
        await Tool.RunAsync("buildah",
        [
            "--root", Path.Join(directory, "root"), "--runroot", Path.Join(directory, "run"), "--storage-driver", "overlay",
            "pull", "--quiet", "--tls-verify=false", "--signature-policy", policy, $"docker://{reference}",
        ], cancellationToken);
    }
}
