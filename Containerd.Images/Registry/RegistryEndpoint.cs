using System.Net;

namespace Containerd.Images;

/// <summary>Where a repository is: the URL beneath which its manifests and blobs are.</summary>
internal sealed record RegistryEndpoint(ImageReference Reference, Uri BaseUrl)
{
    public bool IsPlainHttp => BaseUrl.Scheme == Uri.UriSchemeHttp;

    public static RegistryEndpoint Of(ImageReference reference, HttpRegistryOptions options)
    {
        // Docker Hub's registry has another name than its images (D-1).
        string host = reference.Registry == "docker.io" ? "registry-1.docker.io" : reference.Registry;
        bool isPlain = options.PlainHttpHosts.Contains(reference.Registry) || (options.PlainHttpOnLoopback && IsLoopback(host));
        if (!Uri.TryCreate($"{(isPlain ? "http" : "https")}://{host}/v2/{reference.Path}/", UriKind.Absolute, out Uri? url))
            throw new ContainerdException(ErrorKind.InvalidArgument, $"'{Excerpt.Of(reference.Registry)}' is no host that can be connected to.") { Subject = reference.ToString() };
        return new RegistryEndpoint(reference, url);
    }

    public Uri Manifest(string tagOrDigest) => new(BaseUrl, $"manifests/{tagOrDigest}");

    public Uri Content(Descriptor descriptor) =>
        IsManifest(descriptor) ? Manifest(descriptor.Digest.ToString()) : new Uri(BaseUrl, $"blobs/{descriptor.Digest}");

    public Uri Uploads => new(BaseUrl, "blobs/uploads/");

    public static bool IsManifest(Descriptor descriptor) => MediaTypes.IsIndex(descriptor.MediaType) || MediaTypes.IsManifest(descriptor.MediaType);

    private static bool IsLoopback(string host)
    {
        string name = host.StartsWith('[') ? host[1..host.IndexOf(']', StringComparison.Ordinal)] : host.Split(':')[0];
        return name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(name, out IPAddress? address) && IPAddress.IsLoopback(address));
    }
}
