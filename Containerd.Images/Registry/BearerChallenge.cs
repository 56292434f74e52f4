using System.Net.Http.Headers;

namespace Containerd.Images;

/// <summary>A registry's demand for a token: where to get one. Source: RFC 9110 §11.2, RFC 6750 §3.</summary>
internal sealed record BearerChallenge(string Realm, string? Service)
{
    private const int MaxLength = 4096;

    /// <summary>The demand among an answer's challenges; null where there is none for a token.</summary>
    public static BearerChallenge? Find(HttpResponseHeaders headers)
    {
        foreach (AuthenticationHeaderValue challenge in headers.WwwAuthenticate)
        {
            if (!challenge.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase) || challenge.Parameter is not { Length: <= MaxLength } text)
                continue;
            Dictionary<string, string> parameters = Parse(text);
            if (parameters.TryGetValue("realm", out string? realm))
                return new BearerChallenge(realm, parameters.GetValueOrDefault("service"));
        }
        return null;
    }

    private static Dictionary<string, string> Parse(string text)
    {
        var parameters = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        int at = 0;
        while (at < text.Length)
        {
            while (at < text.Length && text[at] is ' ' or ',' or '\t')
                at++;
            int equals = text.IndexOf('=', at);
            if (equals < 0)
                break;
            string name = text[at..equals].Trim();
            at = equals + 1;
            var value = new System.Text.StringBuilder();
            if (at < text.Length && text[at] == '"')
            {
                for (at++; at < text.Length && text[at] != '"'; at++)
                {
                    if (text[at] == '\\' && at + 1 < text.Length)
                        at++;
                    value.Append(text[at]);
                }
                at++;
            }
            else
            {
                for (; at < text.Length && text[at] != ','; at++)
                    value.Append(text[at]);
            }
            parameters.TryAdd(name, value.ToString().Trim());
        }
        return parameters;
    }
}
